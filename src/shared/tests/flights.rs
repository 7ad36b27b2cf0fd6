//! Long copies, which are made without the lock of the heap.
#![expect(unsafe_code, reason = "moves blocks, and forks")]

use core::alloc::Layout;
use core::mem::forget;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;

use crate::error::AllocError;
use crate::shared::access::backing::Backing;
use crate::shared::access::options::HeapOptions;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::vec::ShmVec;
use crate::shared::heap::blocks::Fill;
use crate::shared::heap::flight::Flight;
use crate::shared::report::view::HeapView;
#[cfg(target_arch = "x86_64")]
use crate::slab::tests::one_processor::OneProcessor;
#[cfg(target_arch = "x86_64")]
use crate::slab::tests::tracer::{Traced, stand_still};
#[cfg(target_arch = "x86_64")]
use crate::sync::lock_error::LockError;
#[cfg(target_arch = "x86_64")]
use crate::sync::mutex::ShmMutex;
use crate::sync::owner::Owner;
use crate::sys::fork::{self, Side};
#[cfg(target_arch = "x86_64")]
use crate::sys::tests::child::{Child, Ending};
use crate::sys::tests::left_out::left_out;

const BYTES: usize = 4 << 20;
const LONG: Layout = Layout::new::<[u64; 10_000]>();

/// Nobody who finds another dead in another test settles it meanwhile.
fn heap() -> SharedHeap {
    let heap = heap_with_locks();
    heap.attached.attachment.forget();
    heap
}

fn heap_with_locks() -> SharedHeap {
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

#[test]
fn a_stray_flight_is_seen() {
    let stray = |offset: usize| {
        let heap = heap();
        let boxed = ShmBox::new_in([7_u64; 50], &heap).unwrap();
        let block = heap.attached.slab_offset(boxed.handle);
        let nobody = Owner::new(3, 9);
        heap.attached.head.flights[3].begin(nobody, block + offset);
        heap.attached.head.flights[5].begin(nobody, block);
        let seen = heap.check();
        forget(boxed);
        seen
    };
    // Two of one block, and one of none.
    assert!(stray(0).is_err());
    assert!(stray(8).is_err());
}

#[test]
fn a_view_puts_flights_in_order_as_the_next_participant_will() {
    let heap = heap();
    die(&heap);
    let view =
        HeapView::from_fd(heap.attached.memory.descriptor().unwrap().try_clone_to_owned().unwrap())
            .unwrap();
    let seen = view.report().unwrap().stats.free_pages;
    heap.reap();
    assert_eq!(seen, heap.stats().free_pages);
}

/// Has a process die as soon as its block is pending and in flight, or, if it has a lock, before.
#[cfg(target_arch = "x86_64")]
fn die_landing(heap: &SharedHeap, lock: Option<&ShmMutex<u64>>) -> bool {
    let _near = OneProcessor::stay();
    let process = Traced::fork(|| {
        let _guard = lock.map(|lock| lock.lock().unwrap());
        drop(heap.attached.hold());
        let _ = fly(heap, stand_still);
        stand_still();
    });
    let Some(mut process) = process else {
        left_out("the system lets nobody trace");
        return false;
    };
    assert!(process.run());
    while lock.is_none() && !heap.attached.slab.is_pending() {
        assert!(process.step());
    }
    true
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_block_that_is_pending_and_in_flight_is_given_back_once() {
    let heap = heap();
    if die_landing(&heap, None) {
        let mine = ShmBox::new_in([7_u64; 10_000], &heap).unwrap();
        heap.reap();
        let other = ShmBox::new_in([9_u64; 10_000], &heap).unwrap();
        assert_eq!((mine[0], other[0]), (7, 9));
        heap.check().unwrap();
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn who_takes_a_lock_over_gives_back_what_its_owner_was_filling() {
    // In a process of its own: nobody who is forked by another test has this heap, and gives it back before.
    let mut scene = Child::fork(|| {
        let heap = heap_with_locks();
        let lock = ShmMutex::new_in(7_u64, &heap).unwrap();
        if die_landing(&heap, Some(&lock)) {
            assert!(heap.attached.has_lost_blocks());
            assert!(matches!(lock.lock(), Err(LockError::OwnerDied(_))));
            assert!(!heap.attached.has_lost_blocks());
        }
    });
    assert_eq!(scene.end(), Ending::WELL);
}
