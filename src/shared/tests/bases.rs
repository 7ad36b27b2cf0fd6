//! The bases of everything else: boxes and buffers.
#![expect(unsafe_code, reason = "writes elements")]

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::buffer::Buffer;
use crate::sys::mapping::Memory;

fn heap() -> SharedHeap {
    SharedHeap::build(Memory::memfd(1 << 20).unwrap(), 16).unwrap()
}

#[test]
fn a_box_has_its_value_until_it_is_dropped() {
    let heap = heap();
    let before = free_pages(&heap);
    let mut boxed = ShmBox::new_in(7_u64, &heap).unwrap();
    *boxed += 1;
    assert_eq!((*boxed, size_of_val(&boxed), size_of::<Option<ShmBox<u64>>>()), (8, 8, 8));
    drop(boxed);
    heap.check().unwrap();
    assert!(before >= free_pages(&heap));
}

#[test]
fn a_buffer_grows_and_shrinks_with_its_elements() {
    let heap = heap();
    let mut buffer = Buffer::<u32>::new(heap.attached);
    assert_eq!((buffer.len(), buffer.capacity(), buffer.as_slice()), (0, 0, &[][..]));
    for number in 0..100_000 {
        if buffer.reserve(1).is_err() {
            panic!("{number}");
        }
        let length = buffer.len();
        // SAFETY: there is room for one more.
        unsafe { buffer.place(length).write(number) };
        // SAFETY: it was written just now.
        unsafe { buffer.set_len(length + 1) };
    }
    assert!(buffer.as_slice().iter().copied().eq(0..100_000));
    assert!(buffer.reserve(1_000_000).is_err());
    heap.check().unwrap();
    // SAFETY: as many were written.
    unsafe { buffer.set_len(10) };
    buffer.resize(0).unwrap();
    assert!(buffer.as_slice().iter().copied().eq(0..10));
    assert!(buffer.capacity() < 20);
    drop(buffer);
    heap.check().unwrap();
}

fn free_pages(heap: &SharedHeap) -> usize {
    heap.stats().free_pages
}
