//! What a `SlabPool` promises to a forked child, whatever the threads of its parent are doing.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "forks processes, and gives memory back")]

mod blocks;
mod bounded;

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use aquifer::{SlabGuard, SlabPool};
use blocks::{Block, Random, assert_all_is_given_back, blocks_in_use};
use bounded::{Child, in_time};

const MIB: usize = 1 << 20;
const LAYOUT: Layout = Layout::new::<[u64; 8]>();

/// Replaces blocks until it is told to stop, and gives all of them back.
fn churn(pool: &SlabPool, seed: u64, stop: &AtomicBool) {
    let mut random = Random::new(seed);
    let mut slots: Vec<Option<Block>> = Vec::from_iter((0..64).map(|_| None));
    while !stop.load(Ordering::Relaxed) {
        let slot = random.below(slots.len());
        if let Some(block) = slots[slot].take() {
            block.give_back(pool);
        }
        slots[slot] = Block::take(pool, random.layout(), random.mark());
    }
    slots.into_iter().flatten().for_each(|block| block.give_back(pool));
}

/// What a child does: it has little time.
fn work(pool: &SlabPool, seed: u64) {
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(120) };
    let mut random = Random::new(seed);
    pool.check().unwrap();
    let layouts = Vec::from_iter((0..50).map(|_| random.layout()));
    let take = |&layout| Block::take(pool, layout, random.mark()).unwrap();
    let blocks = Vec::from_iter(layouts.iter().map(take));
    pool.check().unwrap();
    blocks.into_iter().for_each(|block| block.give_back(pool));
    pool.check().unwrap();
}

/// Sets a flag when it is dropped, so that threads stop though a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_child_has_the_pool_in_order_whenever_it_is_forked() {
    in_time(|| {
        let pool = SlabPool::new(16 * MIB).unwrap();
        let stop = AtomicBool::new(false);
        let kept = Block::take(&pool, LAYOUT, 0x5A).unwrap();
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            for seed in 0..3 {
                let (pool, stop) = (&pool, &stop);
                scope.spawn(move || churn(pool, seed, stop));
            }
            for seed in 0..400 {
                let child = Child::start(|| {
                    work(&pool, seed);
                    kept.look();
                });
                assert_eq!(child.end(), 0, "child {seed}");
            }
        });
        kept.give_back(&pool);
        assert_all_is_given_back(&pool);
    });
}

#[test]
fn a_child_has_the_pool_though_another_thread_of_its_parent_holds_it() {
    in_time(|| {
        let pool = SlabPool::new(MIB).unwrap();
        let (held, forked) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            let owner = scope.spawn(|| {
                let mut guard = pool.lock().unwrap();
                let memory = guard.alloc_layout(LAYOUT).unwrap();
                held.wait();
                forked.wait();
                // SAFETY: it was handed out above for this layout.
                unsafe { guard.dealloc(memory, LAYOUT) };
            });
            held.wait();
            let children = [1, 2, 3].map(|seed| Child::start(|| work(&pool, seed)));
            let statuses = children.map(Child::end);
            forked.wait();
            owner.join().unwrap();
            assert_eq!(statuses, [0; 3]);
        });
        assert_eq!(blocks_in_use(&pool.stats()), 0);
        pool.check().unwrap();
    });
}

#[test]
fn a_child_goes_on_with_the_guard_of_the_thread_that_has_forked_it() {
    in_time(|| {
        let pool = SlabPool::new(MIB).unwrap();
        let mut guard = Some(pool.lock().unwrap());
        let child = Child::start(|| {
            let mut guard = guard.take().unwrap();
            let memory = guard.alloc_layout(LAYOUT).unwrap();
            // SAFETY: it was handed out just now for this layout.
            unsafe { guard.dealloc(memory, LAYOUT) };
            drop(guard);
            work(&pool, 1);
        });
        assert_eq!(child.end(), 0);
        let memory = guard.take().unwrap().alloc_layout(LAYOUT).unwrap();
        // SAFETY: it was handed out just now for this layout.
        unsafe { pool.dealloc(memory, LAYOUT) };
        pool.check().unwrap();
    });
}

/// Takes a block by a guard, fills it, looks at it a moment later, and gives it back.
fn come_and_go(guard: &mut SlabGuard<'_>, mark: u8) {
    let memory = guard.alloc_layout(LAYOUT).unwrap();
    // SAFETY: so many bytes were handed out just now.
    unsafe { memory.write_bytes(mark, LAYOUT.size()) };
    std::hint::spin_loop();
    // SAFETY: written above, and nobody else has it.
    let bytes = unsafe { NonNull::slice_from_raw_parts(memory, LAYOUT.size()).as_ref() };
    assert!(bytes.iter().all(|&byte| byte == mark), "it is somebody else's, too");
    // SAFETY: it was handed out above for this layout.
    unsafe { guard.dealloc(memory, LAYOUT) };
}

#[test]
fn a_guard_that_crosses_a_fork_shares_the_pool_with_the_threads_of_the_child() {
    const TIMES: usize = 2000;
    in_time(|| {
        let pool = SlabPool::new(MIB).unwrap();
        let mut guard = Some(pool.lock().unwrap());
        for seed in 0..20 {
            let child = Child::start(|| {
                let mut guard = guard.take().unwrap();
                let stop = AtomicBool::new(false);
                let begun = Barrier::new(4);
                thread::scope(|scope| {
                    let (pool, stop, begun) = (&pool, &stop, &begun);
                    for thread in 0..2 {
                        scope.spawn(move || {
                            begun.wait();
                            churn(pool, seed * 2 + thread, stop);
                        });
                    }
                    scope.spawn(move || {
                        begun.wait();
                        (0..TIMES).for_each(|_| come_and_go(&mut pool.lock().unwrap(), 0xAA));
                    });
                    let _stop = Stop(stop);
                    begun.wait();
                    (0..TIMES).for_each(|_| come_and_go(&mut guard, 0x55));
                    drop(guard);
                });
                assert_all_is_given_back(&pool);
            });
            assert_eq!(child.end(), 0, "child {seed}");
        }
        drop(guard);
        assert_all_is_given_back(&pool);
    });
}

#[test]
fn a_guard_that_crosses_a_fork_ends_nobodys_turn() {
    in_time(|| {
        let pool = SlabPool::new(MIB).unwrap();
        let mut guard = Some(pool.lock().unwrap());
        let child = Child::start(|| {
            let inherited = guard.take().unwrap();
            // The next guard is the child's first, as that one was its parent's.
            let (held, looked) = (Barrier::new(2), Barrier::new(2));
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut guard = pool.lock().unwrap();
                    held.wait();
                    looked.wait();
                    come_and_go(&mut guard, 1);
                });
                held.wait();
                drop(inherited);
                let other = scope.spawn(|| Block::take(&pool, LAYOUT, 2).unwrap());
                thread::sleep(Duration::from_millis(50));
                let had_to_wait = !other.is_finished();
                looked.wait();
                other.join().unwrap().give_back(&pool);
                assert!(had_to_wait, "the turn is another thread's");
            });
            assert_all_is_given_back(&pool);
        });
        assert_eq!(child.end(), 0);
    });
}

#[test]
fn parent_and_child_have_memory_of_their_own() {
    in_time(|| {
        let pool = SlabPool::new(MIB).unwrap();
        let shared = Block::take(&pool, LAYOUT, 1).unwrap();
        let child = Child::start(|| {
            let theirs = Vec::from_iter((0..100).map_while(|_| Block::take(&pool, LAYOUT, 2)));
            assert_eq!(theirs.len(), 100);
            shared.look();
            // What it had when it was forked is its own to give back.
            shared.give_back(&pool);
            let grandchild = Child::start(|| work(&pool, 1));
            assert_eq!(grandchild.end(), 0);
            assert_eq!(blocks_in_use(&pool.stats()), 100);
        });
        assert_eq!(child.end(), 0);
        assert_eq!(blocks_in_use(&pool.stats()), 1);
    });
}
