//! A collection whose memory is a heap's goes before the handle of the heap.

use allocator_api2::vec::Vec;
use aquifer::{Backing, SharedHeap};

fn numbers() -> Vec<u64, &'static SharedHeap> {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    Vec::new_in(&heap)
}

fn push_late(heap: SharedHeap) {
    let mut numbers = Vec::new_in(&heap);
    numbers.push(1_u64);
    drop(heap);
    numbers.push(2);
}

fn main() {}
