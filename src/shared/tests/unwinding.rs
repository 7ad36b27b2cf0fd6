//! A heap whose users panic.
#![forbid(unsafe_code)]

use core::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::sync::raw::Damage;
use crate::sys::mapping::Memory;

fn heap() -> SharedHeap {
    SharedHeap::build(Memory::memfd(1 << 20).unwrap(), 16).unwrap()
}

/// What is told to the next who takes the lock.
fn damage(heap: &SharedHeap) -> Damage {
    heap.attached.head.lock.damage()
}

#[test]
fn what_is_dropped_as_a_thread_unwinds_leaves_nothing_to_put_in_order() {
    let heap = heap();
    let boxed = ShmBox::new_in([7_u64; 100], &heap).unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _dropped = boxed;
        resume_unwind(Box::new("as it should"));
    }));
    assert!(unwound.is_err());
    assert_eq!(damage(&heap), Damage::None);
    assert_eq!(live(&heap), 0);
}

#[test]
fn what_a_panic_has_cut_short_is_put_in_order_by_the_next() {
    let heap = heap();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let held = heap.attached.hold().unwrap();
        let _pending = held.take(Layout::new::<[u64; 100]>()).unwrap();
        resume_unwind(Box::new("as it should"));
    }));
    assert!(unwound.is_err());
    assert_eq!((damage(&heap), live(&heap)), (Damage::Panicked, 1));
    let _boxed = ShmBox::new_in(7_u64, &heap).unwrap();
    assert_eq!((damage(&heap), live(&heap)), (Damage::None, 1));
    heap.check().unwrap();
}

/// How many blocks are handed out.
fn live(heap: &SharedHeap) -> usize {
    let mut live = 0;
    heap.attached.slab.check(|_, _| live += 1).unwrap();
    live
}
