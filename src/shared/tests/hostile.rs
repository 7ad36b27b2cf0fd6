//! Whatever somebody has written into a heap, nothing here panics, hangs, or leaves the mapping.
//!
//! The mapping lies between pages that nobody may touch: who leaves it dies of a SIGSEGV. Two things
//! are kept as they should be. A lock that names a living participant is given back before anybody changes
//! the heap: he would wait for ever, as he must. Who looks does not. And a free slot: who finds none waits
//! for a second for those who seem to move in.
//!
//! All this happens in a process of its own: who is forked by another test, and finds somebody dead, would look
//! for what that one has left here, too.
#![expect(unsafe_code, reason = "reads a heap, leaves heaps, and writes elements")]

use core::alloc::Layout;
use core::mem::size_of;
use core::slice;
use core::sync::atomic::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::blow::{AREAS, BYTES, Blow, LOCK, SLOTS, SLOTS_END, blow};
use super::hostile_lists;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::buffer::Buffer;
use crate::shared::report::view::HeapView;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::owner::Word;
use crate::sync::participants::Slot;
use crate::sys::mapping::{Access, Memory};
use crate::sys::tests::alone::run_alone;

/// So long a case may take, on a slow machine that does something else, too.
const LONGEST: Duration = Duration::from_secs(20);

/// A value that has to be dropped.
struct Boxed(ShmBox<u64>);

// SAFETY: a handle, and what it leads to is `ShmSafe`.
unsafe impl ShmSafe for Boxed {
    const SCHEMA: Schema = Schema::new::<Self>("Boxed");
}

/// The bytes of a heap in which everything is that there can be, and its number.
fn original() -> (&'static [u8], u32) {
    static ORIGINAL: OnceLock<(Vec<u8>, u32)> = OnceLock::new();
    let (bytes, heap) = ORIGINAL.get_or_init(|| {
        let memory = Memory::map_anon(BYTES).unwrap();
        let again = memory.map_elsewhere().unwrap();
        let heap = SharedHeap::build(memory, SLOTS).unwrap();
        furnish(&heap);
        heap.check().unwrap();
        let number = heap.attached.facts.heap;
        // SAFETY: all that uses it has ended.
        unsafe { heap.detach() };
        // SAFETY: nobody has it but this, and it stays mapped until `again` is dropped.
        let bytes = unsafe { slice::from_raw_parts(again.start().as_ptr(), BYTES) };
        (bytes.to_vec(), number)
    });
    (bytes, *heap)
}

fn furnish(heap: &SharedHeap) {
    for number in 0..40_u64 {
        let name = format!("number {number}");
        heap.root_or_insert_with(&name, || number).unwrap();
    }
    heap.root_or_insert_with("boxed", || Boxed(ShmBox::new_in(1_u64, heap).unwrap())).unwrap();
    heap.root_or_insert_with("gone", || Boxed(ShmBox::new_in(2_u64, heap).unwrap())).unwrap();
    heap.remove_root::<Boxed>("gone").unwrap();
    heap.remove_root::<u64>("number 3").unwrap();
    hostile_lists::furnish(heap);
    let boxes: Vec<_> = (0..200).map(|_| ShmBox::new_in([7_u64; 8], heap).unwrap()).collect();
    let large = [20_000, 9000].map(|_| ShmBox::new_in([0_u8; 20_000], heap).unwrap());
    boxes.into_iter().step_by(3).for_each(core::mem::forget);
    core::mem::forget(large);
}

/// A copy of the heap in which somebody has written.
fn beaten(blows: &[Blow], died: bool) -> Vec<u8> {
    let (bytes, heap) = original();
    let mut bytes = bytes.to_vec();
    blows.iter().for_each(|blow| blow.fall(&mut bytes, heap));
    if died {
        // Says that its last owner has died: the word behind the lock's own and its semaphore.
        bytes[LOCK + 12..LOCK + 16].copy_from_slice(&2_u32.to_ne_bytes());
    }
    bytes[SLOTS_END - size_of::<Slot>()..SLOTS_END].fill(0);
    bytes
}

/// Looks at a heap, and changes nothing.
fn look_at_all_of(heap: &SharedHeap) {
    thread::scope(|scope| {
        // At once: each may wait for the lock for a second.
        scope.spawn(|| heap.check());
        scope.spawn(|| heap.stats());
        let report = heap.report();
        let _ = (report.to_string(), report.to_svg(), report.fragmentation());
    });
}

/// Takes the lock from somebody who lives, and whom a stray word names.
fn free(heap: &SharedHeap) {
    let owner = heap.attached.head.lock.owner();
    if owner.is_some_and(|owner| heap.attached.attachment.table.is_alive(owner)) {
        look_at_all_of(heap);
        name(heap, Word::FREE);
    }
}

/// Writes the word of the lock.
fn name(heap: &SharedHeap, owner: Word) {
    heap.attached.word_at(LOCK).unwrap().store(owner.bits(), Ordering::Relaxed);
}

/// Does everything that can be done with a heap.
fn use_all_of(heap: &SharedHeap) {
    look_at_all_of(heap);
    let _ = heap.roots();
    heap.reap();
    for number in 0..40_u64 {
        let name = format!("number {number}");
        let _ = heap.root::<u64>(&name).map(|root| *root);
        let _ = heap.root::<Boxed>(&name);
    }
    let boxed = heap.root::<Boxed>("boxed");
    // It may panic where it leads out of the heap.
    let _ = catch_unwind(AssertUnwindSafe(|| boxed.map(|boxed| *boxed.0)));
    use_blocks(heap);
    hostile_lists::use_all(heap);
    for name in ["new", "another", "number 5"] {
        let _ = heap.root_or_insert_with(name, || 3_u64);
    }
    let _ =
        heap.root_or_insert_with("boxes", || [ShmBox::new_in(1_u64, heap).ok(), None].is_empty());
    for name in ["number 5", "new", "number 7"] {
        let _ = heap.remove_root::<u64>(name);
    }
    let _ = heap.remove_root::<Boxed>("boxed");
    heap.reap();
    let _ = (heap.check(), heap.report(), heap.stats(), heap.roots());
}

fn use_blocks(heap: &SharedHeap) {
    let mut boxes: Vec<_> = (0..100).map(|_| ShmBox::new_in([1_u64; 8], heap)).collect();
    boxes.retain(Result::is_ok);
    let large: Vec<_> = (0..3).map(|_| ShmBox::new_in([1_u8; 10_000], heap).ok()).collect();
    let mut place = None;
    let _ = ShmBox::insert_in(&mut place, 5_u64, heap);
    ShmBox::remove_from(&mut place);
    boxes.truncate(30);
    drop((large, boxes));
    for (bytes, align) in [(1, 1), (64, 64), (5000, 4096), (100_000, 8)] {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        if let Ok(memory) = heap.alloc_layout(layout) {
            // SAFETY: so many bytes were handed out.
            unsafe { memory.write_bytes(1, bytes) };
            // SAFETY: it was handed out just now, and is not used any more.
            unsafe { heap.dealloc(memory, layout) };
        }
    }
    let mut buffer = Buffer::<u32>::new(heap.attached);
    // What is read of a vector may lead out of the heap.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        for number in 0..5000 {
            if buffer.reserve(1).is_err() {
                break;
            }
            let length = buffer.len();
            // SAFETY: there is room for it.
            unsafe { buffer.place(length).write(number) };
            // SAFETY: it was written just now.
            unsafe { buffer.set_len(length + 1) };
        }
        let _ = buffer.resize(0);
    }));
    let _ = catch_unwind(AssertUnwindSafe(move || drop(buffer)));
}

/// All cases have the same heap, which can be attached once.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_at(bytes: &[u8]) {
    let memory = Memory::between_guards(bytes, Access::ReadOnly).unwrap();
    let Ok(view) = HeapView::new(memory) else { return };
    let report = view.report().unwrap();
    let _ = (report.to_string(), report.to_svg(), view.check());
}

fn endure(bytes: &[u8], is_held: bool) {
    let _turn = turn();
    let begun = Instant::now();
    look_at(bytes);
    let memory = Memory::between_guards(bytes, Access::ReadWrite).unwrap();
    if let Ok(heap) = SharedHeap::find(memory) {
        if let Some(ours) = heap.attached.attachment.entry.owner().filter(|_| is_held) {
            // There are not as many threads.
            name(&heap, Word::held_by(ours, u32::MAX));
        }
        free(&heap);
        use_all_of(&heap);
        // SAFETY: nothing is left that uses it.
        unsafe { heap.detach() };
    }
    assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
}

#[test]
fn whatever_is_written_into_a_heap_it_does_no_harm() {
    run_alone("shared::tests::hostile::", 4);
}

#[test]
#[ignore = "a child of the other test"]
fn a_heap_as_it_is_can_be_used() {
    let _turn = turn();
    let bytes = beaten(&[], false);
    look_at(&bytes);
    let heap = SharedHeap::find(Memory::between_guards(&bytes, Access::ReadWrite).unwrap());
    let heap = heap.unwrap();
    heap.check().unwrap();
    assert_eq!(heap.roots().unwrap().len(), 42 + hostile_lists::ROOTS);
    use_all_of(&heap);
    heap.check().unwrap();
    // SAFETY: nothing is left that uses it.
    unsafe { heap.detach() };
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    #[ignore = "a child of the other test"]
    fn a_heap_that_somebody_has_written_into_does_no_harm(
        blows in prop::collection::vec(blow(), 1..12),
        died in any::<bool>(),
    ) {
        endure(&beaten(&blows, died), false);
    }

    #[test]
    #[ignore = "a child of the other test"]
    fn a_heap_of_random_bytes_does_no_harm(
        noise in prop::collection::vec(any::<u64>(), 512),
        area in 1..AREAS,
        died in any::<bool>(),
    ) {
        let blows: Vec<_> = Blow::all_over(area, &noise).collect();
        endure(&beaten(&blows, died), false);
    }
}

proptest! {
    // Each waits for a second.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]

    #[test]
    #[ignore = "a child of the other test"]
    fn nor_does_one_whose_lock_is_held_as_it_seems(blows in prop::collection::vec(blow(), 1..12)) {
        endure(&beaten(&blows, false), true);
    }
}
