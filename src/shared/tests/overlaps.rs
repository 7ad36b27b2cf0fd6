//! Blocks that a damaged heap has handed out twice.
#![forbid(unsafe_code)]

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::buffer::Buffer;
use crate::shared::containers::vec::ShmVec;
use crate::sys::mapping::Memory;

/// 40 KiB: whole pages, and a copy that is made under the lock.
const COUNT: u64 = 5000;

fn heap() -> SharedHeap {
    SharedHeap::build(Memory::memfd(1 << 20).unwrap(), 4).unwrap()
}

/// Frees the block of a vector that goes on using it.
fn lose_block<T>(heap: &SharedHeap, buffer: &Buffer<T>) {
    heap.attached.slab.free(heap.attached.slab_offset(buffer.handle())).unwrap();
}

#[test]
fn a_vector_that_grows_into_its_own_block_keeps_its_elements() {
    let heap = heap();
    let mut numbers = ShmVec::from_iter_in(0..COUNT, &heap).unwrap();
    lose_block(&heap, &numbers.buffer);
    numbers.reserve_exact(COUNT as usize).unwrap();
    assert!(numbers.iter().copied().eq(0..COUNT));
}
