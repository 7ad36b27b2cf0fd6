//! Blocks that a damaged heap has handed out twice.
#![expect(unsafe_code, reason = "fills memory, and gives it back twice")]

use core::alloc::Layout;
use core::mem::forget;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use crate::allocator::Memory as _;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::buffer::Buffer;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::vec::ShmVec;
use crate::sys::mapping::Memory;

/// 160 KB: whole pages.
const COUNT: u64 = 20_000;

fn heap() -> SharedHeap {
    SharedHeap::build(Memory::memfd(1 << 20).unwrap(), 4).unwrap()
}

/// Frees the block of a vector that goes on using it.
fn lose_block<T>(heap: &SharedHeap, buffer: &Buffer<T>) {
    heap.attached.slab.free(heap.attached.slab_offset(buffer.handle())).unwrap();
}

#[test]
fn a_vector_that_grows_into_its_own_block_keeps_its_elements() {
    // One that is copied under the lock, and one that is copied without it.
    for count in [COUNT / 4, COUNT] {
        let heap = heap();
        let mut numbers = ShmVec::from_iter_in(0..count, &heap).unwrap();
        lose_block(&heap, &numbers.buffer);
        numbers.reserve_exact(count as usize).unwrap();
        assert!(numbers.iter().copied().eq(0..count));
    }
}

/// Takes the first quarter of a block that is lost: what comes next lies in the middle of it.
fn take_the_beginning(heap: &SharedHeap) {
    forget(ShmVec::from_slice_in(&[0_u64; COUNT as usize / 4], heap).unwrap());
}

#[test]
fn memory_that_grows_into_its_own_block_keeps_what_is_in_it() {
    let heap = heap();
    let [old, new] = [1, 2].map(|times| Layout::array::<u64>(times * COUNT as usize).unwrap());
    let memory = heap.reserve(old).unwrap();
    // SAFETY: so many bytes were handed out.
    unsafe { memory.write_bytes(7, old.size()) };
    let block = memory.addr().get() - heap.attached.region.address() - heap.attached.pages_start;
    heap.attached.slab.free(block).unwrap();
    // SAFETY: but for the tables it is still handed out.
    let grown = unsafe { heap.grow(memory, old, new) }.unwrap();
    // SAFETY: so many bytes are there.
    let kept = unsafe { NonNull::slice_from_raw_parts(grown, old.size()).as_ref() };
    assert!(kept.iter().all(|&byte| byte == 7));
}

#[test]
fn what_a_vector_gives_to_one_that_lies_in_its_block_is_moved() {
    let heap = heap();
    let mut numbers = ShmVec::from_iter_in(0..COUNT, &heap).unwrap();
    lose_block(&heap, &numbers.buffer);
    take_the_beginning(&heap);
    // Its length is another's.
    let length = heap.attached.word_at(numbers.buffer.handle().offset()).unwrap();
    length.store(COUNT, Ordering::Relaxed);
    let source = numbers[COUNT as usize / 2..].as_ptr_range();
    let half = numbers.split_off(COUNT as usize / 2).unwrap();
    assert!(source.start < half.as_ptr_range().end && half.as_ptr() < source.end);
    assert!(half.iter().copied().eq(COUNT / 2..COUNT));
    forget((numbers, half));
}

/// As many bytes as [`COUNT`] numbers have.
fn letters() -> String {
    ('a'..='y').cycle().take(8 * COUNT as usize).collect()
}

#[test]
fn a_text_is_added_to_one_that_lies_in_its_block() {
    let heap = heap();
    let letters = letters();
    let bytes = ShmVec::from_slice_in(letters.as_bytes(), &heap).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let middle = 4 * COUNT as usize;
    let end = &text[middle..];
    lose_block(&heap, &bytes.buffer);
    take_the_beginning(&heap);
    let mut other = ShmString::with_capacity_in(end.len(), &heap).unwrap();
    other.push_str(end).unwrap();
    let place = other.as_bytes().as_ptr_range();
    assert!(place.contains(&end.as_ptr()) || end.as_bytes().as_ptr_range().contains(&place.start));
    assert_eq!(other, letters[middle..]);
    forget((bytes, other));
}

#[test]
fn a_root_gets_a_name_that_lies_in_its_block() {
    let heap = heap();
    let letters = letters();
    let bytes = ShmVec::from_slice_in(letters.as_bytes(), &heap).unwrap();
    let text = std::str::from_utf8(&bytes).unwrap();
    let block = bytes.as_ptr_range();
    lose_block(&heap, &bytes.buffer);
    // Behind the head of the root's record, where the name is to lie, but not at the same place.
    let name = 150..350;
    let root = heap.root_or_insert_with(&text[name.clone()], || [7_u64; COUNT as usize]);
    let root = root.unwrap();
    assert!(block.contains(&(&raw const *root).cast()));
    assert_eq!(root[0], 7);
    assert!(heap.root::<[u64; COUNT as usize]>(&letters[name]).is_ok());
    forget(bytes);
}
