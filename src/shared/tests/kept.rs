//! A heap whose lock somebody keeps who lives: who only looks is told what can be seen, and who changes it waits.
#![expect(unsafe_code, reason = "stops a process")]

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::shared::access::backing::Backing;
use crate::shared::access::options::HeapOptions;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::heap::head::Head;
use crate::sync::owner::Word;
use crate::sys::tests::child::Child;

/// So long a look waits at least, and at most on a slow machine that does something else, too.
const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);

fn heap() -> SharedHeap {
    let heap = HeapOptions::new(1 << 20).participants(4).create(&Backing::Memfd).unwrap();
    heap.root_or_insert_with("root", || 7_u64).unwrap();
    // Who finds somebody dead in another test does not wait for this lock.
    heap.attached.attachment.forget();
    heap
}

/// What a look tells, which waits for the lock as long as it may.
fn patiently<T>(look: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let told = look();
    let waited = begun.elapsed();
    assert!((PATIENCE..LONGEST).contains(&waited), "{waited:?}");
    told
}

/// Looks at a heap in all ways, at once.
fn look_at(heap: &SharedHeap) {
    thread::scope(|scope| {
        let check = scope.spawn(|| patiently(|| heap.check()));
        let report = scope.spawn(|| patiently(|| heap.report()));
        let stats = patiently(|| heap.stats());
        check.join().unwrap().unwrap();
        let report = report.join().unwrap();
        assert!(!report.is_exact && !report.is_interrupted && report.lock_owner.is_some());
        assert_eq!((report.roots.len(), stats.roots), (1, 1));
    });
}

#[test]
fn who_looks_waits_a_second_for_a_stopped_owner_and_who_changes_waits_until_he_goes_on() {
    let heap = heap();
    let mut holder = Child::fork(|| {
        let _held = heap.attached.hold().unwrap();
        // SAFETY: the call takes a number.
        unsafe { libc::raise(libc::SIGSTOP) };
    });
    holder.wait_until_stopped();
    thread::scope(|scope| {
        let boxed = scope.spawn(|| *ShmBox::new_in(7_u64, &heap).unwrap());
        let root = scope.spawn(|| *heap.root_or_insert_with("other", || 7_u64).unwrap());
        look_at(&heap);
        let are_waiting = !boxed.is_finished() && !root.is_finished();
        holder.resume();
        assert!(are_waiting);
        assert_eq!((boxed.join().unwrap(), root.join().unwrap()), (7, 7));
    });
    assert!(heap.report().is_exact);
    heap.check().unwrap();
}

#[test]
fn who_looks_does_not_wait_for_ever_for_an_owner_whom_a_stray_word_names() {
    let heap = heap();
    let word = heap.attached.word_at(core::mem::offset_of!(Head, lock)).unwrap();
    let ours = heap.attached.attachment.entry.owner().unwrap();
    // Threads count from 1 on.
    word.store(Word::held_by(ours, u32::MAX).bits(), Ordering::Relaxed);
    look_at(&heap);
    word.store(Word::FREE.bits(), Ordering::Relaxed);
    assert!(heap.report().is_exact);
}
