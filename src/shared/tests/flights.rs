//! Long copies, which are made without the lock of the heap.
#![expect(unsafe_code, reason = "moves blocks, and forks")]

use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;

use crate::error::AllocError;
use crate::shared::backing::Backing;
use crate::shared::blocks::Fill;
use crate::shared::boxed::ShmBox;
use crate::shared::flight::Flight;
use crate::shared::heap::SharedHeap;
use crate::shared::options::HeapOptions;
use crate::shared::vec::ShmVec;
use crate::sys::fork::{self, Side};

const BYTES: usize = 4 << 20;
const LONG: Layout = Layout::new::<[u64; 10_000]>();

fn heap() -> SharedHeap {
    HeapOptions::new(BYTES).participants(4).create(&Backing::Memfd).unwrap()
}

/// Takes a block as a vector does that grows, and calls `meanwhile` where it copies its elements.
fn fly(heap: &SharedHeap, meanwhile: impl FnOnce()) -> Result<NonNull<u8>, AllocError> {
    let word = AtomicU64::new(0);
    let mut block = Err(AllocError);
    let write = |place| {
        block = Ok(place);
        meanwhile();
    };
    let fill = Fill { bytes: LONG.size(), write };
    // SAFETY: the word owns no block yet, and nothing is written.
    unsafe { heap.attached.replace(&word, None, LONG, fill) }?;
    block
}

#[test]
fn others_use_the_heap_while_a_long_copy_is_made() {
    let heap = heap();
    fly(&heap, || {
        let number = ShmBox::new_in(7_u64, &heap).unwrap();
        assert_eq!(*number, 7);
        heap.check().unwrap();
    })
    .unwrap();
}

#[test]
fn where_too_many_are_on_their_way_the_next_copy_is_made_under_the_lock() {
    fn fly_all(heap: &SharedHeap, count: usize) {
        let last = || assert!(ShmBox::new_in(7_u64, heap).is_err(), "this thread has the lock");
        let next = || if count > 0 { fly_all(heap, count - 1) } else { last() };
        fly(heap, next).unwrap();
    }
    let heap = heap();
    fly_all(&heap, Flight::COUNT);
    assert_eq!(*ShmBox::new_in(7_u64, &heap).unwrap(), 7);
    heap.check().unwrap();
}

/// Has a child die while it copies.
fn die(heap: &SharedHeap) {
    // SAFETY: the child uses the heap alone.
    match unsafe { fork::fork() }.unwrap() {
        Side::Child => {
            let _ = fly(heap, || fork::end(7));
            fork::end(1);
        }
        Side::Parent(child) => {
            let mut status = 0;
            // SAFETY: `status` has room, and the child is this process's.
            unsafe { libc::waitpid(child as i32, &mut status, 0) };
            assert_eq!(libc::WEXITSTATUS(status), 7);
        }
    }
}

#[test]
fn a_block_that_was_on_its_way_to_the_dead_is_given_back() {
    let heap = heap();
    let before = heap.stats();
    die(&heap);
    assert!(heap.stats().free_pages < before.free_pages);
    heap.reap();
    assert_eq!(heap.stats().free_pages, before.free_pages);
    heap.check().unwrap();
}

#[test]
fn a_block_that_was_on_its_way_to_the_dead_is_there_for_whoever_needs_it() {
    let heap = heap();
    let mut blocks = vec![];
    while let Ok(block) = heap.alloc_layout(LONG) {
        blocks.push(block);
    }
    // SAFETY: taken above with this layout.
    unsafe { heap.dealloc(blocks.pop().unwrap(), LONG) };
    die(&heap);
    assert!(heap.attached.has_lost_blocks());
    // There is no other.
    heap.alloc_layout(LONG).unwrap();
    assert!(!heap.attached.has_lost_blocks());
}

#[test]
fn a_long_vector_keeps_its_elements_as_it_grows() {
    let heap = heap();
    let mut numbers = ShmVec::from_slice_in(&[7_u64; 20_000], &heap).unwrap();
    let _neighbour = ShmBox::new_in([0_u8; 4096], &heap).unwrap();
    numbers.push(8).unwrap();
    numbers.shrink_to_fit();
    assert!(numbers[..20_000].iter().all(|&number| number == 7));
    assert_eq!(numbers[20_000], 8);
    drop(numbers);
    heap.check().unwrap();
}
