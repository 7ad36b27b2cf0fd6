//! Behind a lock it takes turns.

use aquifer::{SharedHeap, ShmMutex, ShmVec};
use std::cell::Cell;
use std::sync::atomic::AtomicU64;

fn share(heap: &SharedHeap) {
    let _ = heap.root_or_insert_with("cell", || ShmMutex::new(Cell::new(1_u64)));
    let _ = heap.root::<ShmVec<AtomicU64>>("atomics");
    let _ = heap.remove_root::<ShmMutex<Cell<u64>>>("cell");
}

fn main() {
    let _ = share;
}
