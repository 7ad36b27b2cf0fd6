//! All who find a root have it at the same time, so it takes turns or is atomic.

use aquifer::{SharedHeap, ShmVec};
use std::cell::Cell;

fn share(heap: &SharedHeap) {
    let _ = heap.root_or_insert_with("cell", || Cell::new(1_u64));
    let _ = heap.root::<ShmVec<Cell<u64>>>("cells");
    let _ = heap.remove_root::<Cell<u64>>("cell");
}

fn main() {}
