//! What a forked `Worker` promises: it is a participant of its own, and its end is told.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "forks")]

mod bounded;

use std::os::unix::process::ExitStatusExt;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use aquifer::{Backing, HeapOptions, Root, SharedHeap};
use bounded::{Child, in_time};

const MIB: usize = 1 << 20;

fn heap() -> SharedHeap {
    SharedHeap::create(&Backing::Memfd, MIB).unwrap()
}

fn counter(heap: &SharedHeap) -> Root<AtomicU64> {
    heap.root_or_insert_with("counter", || AtomicU64::new(0)).unwrap()
}

#[test]
fn a_worker_is_forked_and_its_end_is_told() {
    in_time(|| {
        let heap = heap();
        let counter = counter(&heap);
        let work = |code: i32| {
            counter.fetch_add(1, Ordering::Relaxed);
            if code == 1 { panic_quietly() } else { code }
        };
        for (code, told) in [(0, 0), (3, 3), (1, SharedHeap::PANICKED)] {
            // SAFETY: the worker uses the heap alone, and drops nothing that it has inherited.
            let mut worker = unsafe { heap.fork_worker(|| work(code)) }.unwrap();
            assert_eq!(worker.wait().unwrap().code(), Some(told));
            // It is told again, and nobody else's process is killed.
            assert_eq!(worker.try_wait().unwrap().unwrap().code(), Some(told));
            worker.kill().unwrap();
        }
        assert_eq!(counter.load(Ordering::Relaxed), 3);
        // Workers of other tests may have joined this heap, too.
        assert!(heap.reap() >= 3);
        a_killed_worker_is_waited_for(&heap);
    });
}

fn a_killed_worker_is_waited_for(heap: &SharedHeap) {
    let sleep = || loop {
        thread::park();
    };
    // SAFETY: the worker uses nothing.
    let mut worker = unsafe { heap.fork_worker(sleep) }.unwrap();
    assert!(worker.try_wait().unwrap().is_none());
    assert!(Path::new(&format!("/proc/{}", worker.id())).exists());
    worker.kill().unwrap();
    assert_eq!(worker.wait().unwrap().signal(), Some(libc::SIGKILL));
    let status = worker.try_wait().unwrap().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    // Somebody else has waited for this one.
    // SAFETY: the worker does nothing.
    let mut other = unsafe { heap.fork_worker(|| 0) }.unwrap();
    // SAFETY: it asks for no status.
    unsafe { libc::waitpid(other.id() as i32, std::ptr::null_mut(), 0) };
    assert_eq!(other.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
}

/// Panics without a word: who is forked while another thread says why it panics waits for it for ever.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("as it should"))
}

#[test]
fn a_worker_that_finds_no_slot_does_no_work() {
    // In a process of its own: workers of other tests would find no slot, either.
    let parent = Child::start(|| {
        let heap = HeapOptions::new(MIB).participants(1).create(&Backing::Memfd).unwrap();
        let counter = counter(&heap);
        let work = || counter.fetch_add(1, Ordering::Relaxed) as i32;
        // SAFETY: the worker uses the heap alone.
        let mut worker = unsafe { heap.fork_worker(work) }.unwrap();
        assert_eq!(worker.wait().unwrap().code(), Some(SharedHeap::NOT_JOINED));
        assert_eq!(counter.load(Ordering::Relaxed), 0);
    });
    assert_eq!(parent.end(), 0);
}

#[test]
fn a_worker_has_found_what_its_parent_has_in_whatever_heap() {
    // In a process of its own: workers of other tests would have found it, too.
    let parent = Child::start(|| {
        let heaps = [heap(), heap()];
        let [ready, go] = heaps.each_ref().map(counter);
        // There it has nothing to keep, and no slot.
        let _full = HeapOptions::new(MIB).participants(1).create(&Backing::Memfd).unwrap();
        let until = |counter: Root<AtomicU64>| {
            while counter.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
        };
        let work = || {
            ready.store(1, Ordering::Release);
            until(go);
            7
        };
        // SAFETY: the worker uses the heaps alone.
        let mut worker = unsafe { heaps[0].fork_worker(work) }.unwrap();
        until(ready);
        let finders = heaps.each_ref().map(|heap| heap.roots().unwrap()[0].participants);
        go.store(1, Ordering::Release);
        assert_eq!((finders, worker.wait().unwrap().code()), ([2, 2], Some(7)));
    });
    assert_eq!(parent.end(), 0);
}
