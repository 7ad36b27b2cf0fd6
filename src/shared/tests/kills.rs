//! Processes that work in one heap and are killed at any moment: the others go on, and nothing is lost.
#![expect(unsafe_code, reason = "forks, kills, and takes over what the dead have held")]

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::{
    Backing, HeapOptions, LockError, Root, Schema, SharedHeap, ShmBox, ShmMutex, ShmMutexGuard,
    ShmSafe,
};

const WORKERS: usize = 4;

/// A place that holds a value or none.
type Place<const N: usize> = ShmMutex<Option<ShmBox<[u64; N]>>>;

/// What all workers share.
#[repr(C)]
struct Board {
    small: [Place<8>; 32],
    middle: [Place<100>; 16],
    large: [Place<5000>; 4],
    done: AtomicU64,
    is_over: AtomicBool,
}

// SAFETY: all of its parts are, and it has a fixed layout.
unsafe impl ShmSafe for Board {
    const SCHEMA: Schema = Schema::new::<Self>("Board");
}

impl Board {
    fn new() -> Self {
        Self {
            small: [const { ShmMutex::new(None) }; 32],
            middle: [const { ShmMutex::new(None) }; 16],
            large: [const { ShmMutex::new(None) }; 4],
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }
}

/// Numbers that are random enough: xorshift64, by George Marsaglia.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Takes a lock, be it a dead one's.
fn lock<T>(mutex: &ShmMutex<T>) -> ShmMutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(LockError::OwnerDied(dead)) => {
            // SAFETY: whoever has it changes it by operations of boxes alone, and these leave it whole
            // at every instruction.
            let mut guard = unsafe { dead.into_guard() };
            ShmMutexGuard::clear_poison(&mut guard);
            guard
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn use_place<const N: usize>(place: &Place<N>, heap: &SharedHeap, random: &mut Random) {
    let mut guard = lock(place);
    if let Some(values) = guard.as_deref() {
        assert!(values.iter().all(|value| *value == values[0]), "half a value");
    }
    match random.below(3) {
        // If there is no room, there is none.
        0 | 1 => _ = ShmBox::insert_in(&mut guard, [random.below(u64::MAX); N], heap),
        _ => ShmBox::remove_from(&mut guard),
    }
}

fn use_root(heap: &SharedHeap, random: &mut Random) {
    let number = random.below(8);
    let name = format!("root {number}");
    match random.below(3) {
        0 => _ = heap.remove_root::<[u64; 20]>(&name),
        _ => {
            if let Ok(root) = heap.root_or_insert_with(&name, || [number; 20]) {
                assert_eq!(*root, [number; 20]);
            }
        }
    }
}

fn work(heap: &SharedHeap, board: &Board, seed: u64) -> i32 {
    let mut random = Random(seed | 1);
    while !board.is_over.load(Ordering::Relaxed) {
        match random.below(10) {
            0..5 => use_place(&board.small[random.below(32) as usize], heap, &mut random),
            5..8 => use_place(&board.middle[random.below(16) as usize], heap, &mut random),
            8 => use_place(&board.large[random.below(4) as usize], heap, &mut random),
            _ => use_root(heap, &mut random),
        }
        board.done.fetch_add(1, Ordering::Relaxed);
    }
    0
}

fn start(heap: &SharedHeap, board: &'static Board, seed: u64) -> u32 {
    // SAFETY: the worker uses the heap alone, and drops nothing that it has inherited.
    unsafe { heap.fork_worker(|| work(heap, board, seed)) }.unwrap().id()
}

/// Waits for the end of a worker; returns what the system says.
fn wait(worker: u32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` has room, and the worker is this process's.
    assert_eq!(unsafe { libc::waitpid(worker as i32, &mut status, 0) }, worker as i32);
    status
}

/// How many values are in places.
fn count<const N: usize>(places: &[Place<N>]) -> usize {
    places.iter().filter(|place| lock(place).is_some()).count()
}

/// How many blocks are handed out.
fn used(heap: &SharedHeap) -> usize {
    let mut count = 0;
    heap.attached.slab.check(|_, _| count += 1).unwrap();
    count
}

#[test]
fn killed_workers_leave_nothing_behind_and_hold_nobody_up() {
    // More by hand: AQUIFER_KILLS=1000000 cargo test --release --lib killed_workers -- --nocapture
    let kills = env::var("AQUIFER_KILLS").map_or(5000, |kills| kills.parse().unwrap());
    let heap = HeapOptions::new(1 << 20).participants(16).create(&Backing::Memfd).unwrap();
    let board = Root::leak(heap.root_or_insert_with("board", Board::new).unwrap());
    let mut random = Random(0x5EED);
    let mut workers: Vec<u32> = (0..WORKERS as u64).map(|seed| start(&heap, board, seed)).collect();
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    for kill in 0..kills {
        thread::sleep(Duration::from_micros(random.below(2000)));
        let victim = random.below(WORKERS as u64) as usize;
        // SAFETY: two numbers; the worker is this process's and was not waited for.
        unsafe { libc::kill(workers[victim] as i32, libc::SIGKILL) };
        let (killed, done) = (Instant::now(), board.done.load(Ordering::Relaxed));
        while board.done.load(Ordering::Relaxed) == done {
            assert!(killed.elapsed() < Duration::from_secs(20), "after {kill} kills all are stuck");
            thread::yield_now();
        }
        longest = longest.max(killed.elapsed());
        let status = wait(workers[victim]);
        assert!(libc::WIFSIGNALED(status), "a worker has ended by itself: {status:#x}");
        if kill % 8 == 0 {
            heap.reap();
        }
        workers[victim] = start(&heap, board, kill);
    }
    board.is_over.store(true, Ordering::Relaxed);
    for worker in workers {
        assert_eq!(wait(worker), 0);
    }
    let done = board.done.load(Ordering::Relaxed);
    println!(
        "{kills} kills, {done} operations in {:.1?}, at most {longest:.1?} without one",
        begun.elapsed()
    );
    heap.reap();
    heap.check().unwrap();
    let roots = heap.roots().unwrap();
    assert!(roots.iter().all(|root| !root.is_removed || root.participants > 0), "{roots:?}");
    let values = count(&board.small) + count(&board.middle) + count(&board.large);
    println!("{values} values and {} roots are left", roots.len());
    assert_eq!(used(&heap), values + roots.len(), "something is lost");
}
