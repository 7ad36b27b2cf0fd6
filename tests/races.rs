//! Threads that share a `SlabPool` race for nothing: ThreadSanitizer looks on. CONTRIBUTING.md has the
//! command; in other builds this is a short test of the same.
//!
//! The sanitizer does not see into `std`, so there are threads and statics of the system alone here.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "starts threads, and shares memory among them")]

mod blocks;

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use aquifer::SlabPool;
use blocks::{Random, assert_all_is_given_back};

const THREADS: usize = 4;
const ROUNDS: u64 = 5000;

static POOL: SlabPool = SlabPool::const_new(16 << 20);
/// Blocks on their way from thread to thread.
static SLOTS: [AtomicPtr<Record>; 64] = [const { AtomicPtr::new(ptr::null_mut()) }; 64];

/// The front of a block; behind it as many words as it says, each of them its seed.
struct Record {
    words: usize,
    seed: u64,
}

fn layout(words: usize) -> Layout {
    Layout::new::<Record>().extend(Layout::array::<u64>(words).unwrap()).unwrap().0
}

/// Where the words of a record begin.
fn words(record: NonNull<Record>, count: usize) -> NonNull<[u64]> {
    // SAFETY: the block holds a record; what comes behind it is one past it at most.
    let first = unsafe { record.add(1) }.cast();
    NonNull::slice_from_raw_parts(first, count)
}

fn make(count: usize, seed: u64) -> NonNull<Record> {
    let record: NonNull<Record> = POOL.alloc_layout(layout(count)).unwrap().cast();
    // SAFETY: there is room for it, and nobody else has the block.
    unsafe { record.write(Record { words: count, seed }) };
    // SAFETY: there is room for them, and integers may be written without having been any.
    unsafe { words(record, count).as_mut() }.fill(seed);
    record
}

/// Reads all that another thread has written, writes over it, and gives it back.
fn unmake(record: NonNull<Record>) {
    // SAFETY: it was taken out of its slot, so that nobody else has it.
    let &Record { words: count, seed } = unsafe { record.as_ref() };
    // SAFETY: `make` has written so many, and nobody else has them.
    let words = unsafe { words(record, count).as_mut() };
    assert!(words.iter().all(|&word| word == seed));
    words.fill(!seed);
    // SAFETY: `make` has it from this pool for this layout.
    unsafe { POOL.dealloc(record.cast(), layout(count)) };
}

/// Puts records into slots at random, and takes those away that were there.
extern "C" fn churn(seed: *mut c_void) -> *mut c_void {
    let mut random = Random::new(seed.addr() as u64);
    for round in 0..ROUNDS {
        let most = [8, 8, 60, 60, 400, 400, 2000, 10_000][random.below(8)];
        let record = make(random.below(most), round);
        let slot = &SLOTS[random.below(SLOTS.len())];
        if let Some(before) = NonNull::new(slot.swap(record.as_ptr(), Ordering::AcqRel)) {
            unmake(before);
        }
    }
    ptr::null_mut()
}

fn start(seed: usize) -> libc::pthread_t {
    let mut thread = 0;
    let seed = ptr::without_provenance_mut(seed);
    // SAFETY: the thread is written to a variable, and the function takes what it gets for a number.
    let error = unsafe { libc::pthread_create(&raw mut thread, ptr::null(), churn, seed) };
    assert_eq!(error, 0);
    thread
}

fn join(thread: libc::pthread_t) {
    // SAFETY: it was started by `start`, and is joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

fn main() {
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(120) };
    for first in [1, 1 + THREADS] {
        let threads: [_; THREADS] = std::array::from_fn(|index| start(first + index));
        threads.into_iter().for_each(join);
    }
    let left = SLOTS.iter().filter_map(|slot| NonNull::new(slot.load(Ordering::Acquire)));
    left.for_each(unmake);
    let stats = POOL.stats();
    assert!(stats.page_requests > 0);
    let requests: u64 = stats.classes.iter().map(|class| class.requests).sum();
    assert_eq!(requests + stats.page_requests, 2 * THREADS as u64 * ROUNDS);
    assert_all_is_given_back(&POOL);
}
