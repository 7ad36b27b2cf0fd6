//! Handles that lead astray: who uses what they stand for panics, and who drops it does no harm.
//!
//! The first heap of a process is looked at by itself, and all others in another way. So all this happens
//! in a process that has no heap yet.
#![expect(unsafe_code, reason = "makes boxes, vectors and strings of numbers")]

use core::mem::{self, ManuallyDrop};
use core::sync::atomic::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::vec::ShmVec;
use crate::shared::heap::handle::Handle;
use crate::sys::mapping::Memory;
use crate::sys::tests::alone::run_alone;

/// More than what a vector begins with.
type Value = [u64; 4];

#[test]
fn what_leads_astray_is_refused_in_the_first_heap_and_in_others() {
    run_alone("shared::tests::astray::", 1);
}

#[test]
#[ignore = "the child of the other test"]
fn child() {
    let heaps = [(); 2].map(|()| SharedHeap::build(Memory::memfd(1 << 20).unwrap(), 2).unwrap());
    let [first, other] = heaps.each_ref().map(|heap| heap.attached.facts.heap);
    let nobody = (1..).find(|&heap| heap != first && heap != other).unwrap();
    for heap in &heaps {
        for handle in handles_out_of(heap) {
            assert_lost_whatever_it_is(handle);
        }
        let inside = taken_in(heap);
        for heap in [nobody, Handle::HEAPS - 1] {
            assert_lost_whatever_it_is(Handle::new(heap, inside).unwrap());
        }
        let own = Handle::new(heap.attached.facts.heap, inside).unwrap();
        for misplaced in [1, 2, 4, 7] {
            assert_lost_whatever_it_is(Handle::from_bits(own.bits() + misplaced).unwrap());
        }
        assert_reaches_the_end(heap);
        assert_bounds_to_the_byte::<1>(heap);
        assert_bounds_to_the_byte::<3>(heap);
        assert_bounds_to_the_byte::<100_000>(heap);
        assert_no_vector_is_longer(heap);
        heap.check().unwrap();
    }
}

/// What is a few bytes before the start, so many before the end, at it or beyond it: where nothing lies that
/// has more.
fn handles_out_of(heap: &SharedHeap) -> Vec<Handle> {
    let (heap, end) = (heap.attached.facts.heap, heap.attached.facts.bytes);
    let far = Handle::MAX_BYTES as usize & !7;
    let before = [8, 16, 64].map(|bytes| Handle::tag(heap) - bytes);
    let places = [end - 8, end, end + 8, 2 * end, far];
    let beyond = places.map(|place| Handle::new(heap, place).unwrap().bits());
    before.into_iter().chain(beyond).map(|bits| Handle::from_bits(bits).unwrap()).collect()
}

/// Where a block lies that stays, with a vector of nothing in it.
fn taken_in(heap: &SharedHeap) -> usize {
    ManuallyDrop::new(ShmBox::new_in([0_u64; 4], heap).unwrap()).handle.offset()
}

/// What a handle is to.
fn made_of<T>(handle: Handle) -> ManuallyDrop<T> {
    const { assert!(size_of::<T>() == size_of::<u64>()) };
    // SAFETY: boxes, vectors and strings are handles, and whatever they lead to is looked at.
    ManuallyDrop::new(unsafe { mem::transmute_copy(&handle.bits()) })
}

/// Whether `body` panics because nothing lies at a handle.
fn assert_lost(handle: Handle, body: impl FnOnce()) {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err(&format!("{handle:?}"));
    let text = payload.downcast::<String>().expect("a text");
    assert!(text.starts_with(&format!("no value lies at {handle:?}: ")), "{text:?} of {handle:?}");
}

/// Uses what is made of a handle, which is lost, and drops it.
fn assert_lost_in<T>(handle: Handle, uses: &[fn(&mut T)]) {
    for use_it in uses {
        assert_lost(handle, || use_it(&mut made_of(handle)));
    }
    drop(ManuallyDrop::into_inner(made_of::<T>(handle)));
}

fn assert_lost_whatever_it_is(handle: Handle) {
    assert_lost_in::<ShmBox<Value>>(
        handle,
        &[
            |boxed| _ = **boxed,
            |boxed| **boxed = [1; 4],
            |boxed| {
                _ = ManuallyDrop::into_inner(made_of::<ShmBox<Value>>(boxed.handle)).into_inner()
            },
        ],
    );
    // Nobody follows what is not there.
    assert_lost_in::<ShmBox<[ShmBox<u64>; 4]>>(handle, &[|boxed| _ = *boxed[0]]);
    assert_lost_in::<ShmVec<u64>>(
        handle,
        &[
            |vec| _ = vec.len(),
            |vec| _ = vec.capacity(),
            |vec| _ = vec.as_slice(),
            |vec| _ = vec.as_mut_slice(),
            |vec| _ = vec.pop(),
            |vec| _ = vec.push(1),
            |vec| vec.clear(),
        ],
    );
    assert_lost_in::<ShmVec<ShmString>>(handle, &[|vec| _ = vec.iter().count()]);
    assert_lost_in::<ShmString>(
        handle,
        &[|text| _ = text.as_str(), |text| _ = text.push('x'), |text| _ = text.pop()],
    );
}

/// What ends with the heap is there, and what has one word more is lost.
fn assert_reaches_the_end(heap: &SharedHeap) {
    let end = heap.attached.facts.bytes;
    let before_end = |bytes| Handle::new(heap.attached.facts.heap, end - bytes).unwrap();
    let boxed = |bytes| made_of::<ShmBox<Value>>(before_end(bytes));
    assert_eq!(**boxed(32), [0; 4]);
    assert_lost(before_end(24), || _ = **boxed(24));
    for length in [0, 1, 2] {
        let (place, one_less) = (before_end(16 + 8 * length), before_end(8 + 8 * length));
        let words = [place, one_less].map(|handle| heap.attached.word_at(handle.offset()).unwrap());
        words[0].store(length as u64, Ordering::Relaxed);
        assert_eq!(made_of::<ShmVec<u64>>(place).iter().sum::<u64>(), 0);
        words[0].store(0, Ordering::Relaxed);
        words[1].store(length as u64, Ordering::Relaxed);
        assert_lost(one_less, || _ = made_of::<ShmVec<u64>>(one_less).as_slice());
        words[1].store(0, Ordering::Relaxed);
    }
}

/// Values of bytes, which lie anywhere, are there up to both ends of the heap.
fn assert_bounds_to_the_byte<const BYTES: usize>(heap: &SharedHeap) {
    let start = Handle::tag(heap.attached.facts.heap);
    let end = start + heap.attached.facts.bytes as u64;
    let last = end - BYTES as u64;
    let value = |bits| made_of::<ShmBox<[u8; BYTES]>>(Handle::from_bits(bits).unwrap());
    for bits in [start, start + 1, last - 1, last] {
        assert_eq!(value(bits).len(), BYTES);
    }
    for bits in [start - 1, start - BYTES as u64, last + 1, end] {
        assert_lost(value(bits).handle, || _ = **value(bits));
    }
}

/// A vector whose block says that it has more elements than the heap has room for behind it. One that has
/// more than its own block is not lost, and stays in the heap.
fn assert_no_vector_is_longer(heap: &SharedHeap) {
    let before = heap.stats().used_blocks;
    let room = |start: Handle, bytes| (heap.attached.facts.bytes - start.offset() - 16) / bytes;
    for too_long in
        [|most| most + 1, |most| 2 * most, |_| 1 << 61, |_| usize::MAX / 8, |_| usize::MAX]
    {
        let mut vec = ShmVec::from_slice_in(&[1_u64; 4], heap).unwrap();
        let handle = made_by(&vec);
        let length = heap.attached.word_at(handle.offset()).unwrap();
        let most = room(handle, 8);
        length.store(most as u64, Ordering::Relaxed);
        assert_eq!((vec.len(), vec.as_slice().len(), vec[3]), (most, most, 1));
        length.store(too_long(most) as u64, Ordering::Relaxed);
        assert_lost(handle, || _ = vec.as_slice());
        assert_lost(handle, || _ = vec.as_mut_slice());
        assert_lost(handle, || _ = vec.pop());
        let mut text = ShmString::from_str_in("text", heap).unwrap();
        let handle = made_by(&text);
        let length = heap.attached.word_at(handle.offset()).unwrap();
        length.store(too_long(room(handle, 1)) as u64, Ordering::Relaxed);
        assert_lost(handle, || _ = text.as_str());
        assert_lost(handle, || _ = text.pop());
        // Elements that nobody finds are not dropped.
        let mut names = ShmVec::new_in(heap);
        names.push(text).unwrap();
        let handle = made_by(&names);
        let length = heap.attached.word_at(handle.offset()).unwrap();
        length.store(too_long(room(handle, 8)) as u64, Ordering::Relaxed);
        drop((vec, names));
    }
    // The texts, which nobody has found.
    assert_eq!(heap.stats().used_blocks, before + 5);
}

/// The handle that a vector or a string is.
fn made_by<T>(value: &T) -> Handle {
    const { assert!(size_of::<T>() == size_of::<Handle>()) };
    // SAFETY: it is a handle.
    unsafe { mem::transmute_copy(value) }
}
