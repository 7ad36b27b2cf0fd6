//! What a `SlabPool` promises to threads that come and go, and free what others have taken.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "gives memory back")]

mod blocks;
mod bounded;

use std::sync::mpsc;
use std::thread;

use aquifer::SlabPool;
use blocks::{Block, Random, assert_all_is_given_back};
use bounded::in_time;

const MIB: usize = 1 << 20;

/// The blocks that a thread has, and leaves to the next one.
struct Estate {
    slots: Vec<Option<Block>>,
    random: Random,
    refused: usize,
}

impl Estate {
    const REPLACEMENTS: usize = 500;

    fn new(seed: u64, slots: usize) -> Self {
        let slots = Vec::from_iter((0..slots).map(|_| None));
        Self { slots, random: Random::new(seed), refused: 0 }
    }

    fn replace_some(&mut self, pool: &SlabPool) {
        for _ in 0..Self::REPLACEMENTS {
            let slot = self.random.below(self.slots.len());
            if let Some(block) = self.slots[slot].take() {
                block.give_back(pool);
            }
            self.slots[slot] = Block::take(pool, self.random.layout(), self.random.mark());
            self.refused += usize::from(self.slots[slot].is_none());
        }
    }

    /// Lets threads work on it, one after the other; returns what was refused.
    fn pass_on(mut self, pool: &'static SlabPool, threads: usize) -> usize {
        for _ in 0..threads {
            let next = thread::spawn(move || {
                self.replace_some(pool);
                self
            });
            self = next.join().unwrap();
        }
        self.slots.into_iter().flatten().for_each(|block| block.give_back(pool));
        self.refused
    }
}

/// As in "Memory Allocation for Long-Running Server Applications" by Larson and Krishnan.
fn churn(pool: &'static SlabPool, slots: usize) -> usize {
    thread::scope(|scope| {
        let line = |seed| scope.spawn(move || Estate::new(seed, slots).pass_on(pool, 12));
        let lines = [1, 2, 3, 4].map(line);
        lines.into_iter().map(|line| line.join().unwrap()).sum()
    })
}

#[test]
fn threads_free_what_threads_before_them_have_taken() {
    static POOL: SlabPool = SlabPool::const_new(64 * MIB);
    in_time(|| {
        assert_eq!(churn(&POOL, 200), 0, "there is room for all");
        assert!(POOL.stats().page_requests > 0, "some have pages of their own");
        assert_all_is_given_back(&POOL);
    });
}

#[test]
fn threads_that_are_refused_now_and_then_lose_nothing() {
    static POOL: SlabPool = SlabPool::const_new(MIB);
    in_time(|| {
        assert!(churn(&POOL, 400) > 0, "there is no room for all");
        assert_all_is_given_back(&POOL);
    });
}

#[test]
fn what_one_thread_takes_another_gives_back() {
    in_time(|| {
        let pool = &SlabPool::new(64 * MIB).unwrap();
        thread::scope(|scope| {
            for pair in 0..3 {
                let (send, receive) = mpsc::sync_channel::<Block>(300);
                scope.spawn(move || {
                    let mut random = Random::new(pair);
                    for _ in 0..5000 {
                        let block = Block::take(pool, random.layout(), random.mark()).unwrap();
                        send.send(block).unwrap();
                    }
                });
                scope.spawn(move || receive.iter().for_each(|block| block.give_back(pool)));
            }
        });
        assert_all_is_given_back(pool);
    });
}

#[test]
fn threads_that_hold_the_pool_for_several_operations_leave_it_in_order() {
    in_time(|| {
        let pool = &SlabPool::new(2 * MIB).unwrap();
        thread::scope(|scope| {
            for seed in 0..4 {
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    for _ in 0..500 {
                        let layouts = [random.layout(), random.layout(), random.layout()];
                        let mut guard = pool.lock().unwrap();
                        let taken = layouts.map(|layout| guard.alloc_layout(layout).unwrap());
                        for (memory, layout) in taken.into_iter().zip(layouts) {
                            // SAFETY: it was handed out above for this layout.
                            unsafe { guard.dealloc(memory, layout) };
                        }
                    }
                });
            }
        });
        assert_all_is_given_back(pool);
    });
}
