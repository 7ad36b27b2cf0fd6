//! A collection lives as long as the handle does.

use allocator_api2::vec::Vec;
use aquifer::SharedHeap;

fn numbers(heap: &SharedHeap) -> Vec<u64, &SharedHeap> {
    Vec::new_in(heap)
}

fn push(heap: SharedHeap) {
    let mut numbers = numbers(&heap);
    numbers.push(1);
    drop(numbers);
    drop(heap);
}

fn main() {
    let _ = push;
}
