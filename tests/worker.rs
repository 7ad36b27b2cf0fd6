//! What a forked `Worker` promises: it is a participant of its own, and its end is told.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "forks")]

mod bounded;

use std::cell::Cell;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, mem, process, thread};

use aquifer::{Backing, HeapOptions, Root, SharedHeap, ShmBox};
use bounded::{Child, in_time, left_out};

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
    let sleep = || {
        // SAFETY: the call takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        loop {
            thread::park();
        }
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

/// Counts how often it is dropped, in all processes together.
struct Noted(Root<AtomicU64>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_worker_that_does_no_work_drops_nothing() {
    // In a process of its own: workers of other tests would find no slot, either.
    let parent = Child::start(|| {
        let full = HeapOptions::new(MIB).participants(1).create(&Backing::Memfd).unwrap();
        counter(&full);
        let heap = heap();
        let drops = counter(&heap);
        let noted = Noted(drops);
        let work = move || {
            mem::forget(noted);
            0
        };
        // SAFETY: the worker uses the heaps alone, and drops nothing.
        let mut worker = unsafe { full.fork_worker(work) }.unwrap();
        assert_eq!(worker.wait().unwrap().code(), Some(SharedHeap::NOT_JOINED));
        assert_eq!(drops.load(Ordering::Relaxed), 1, "the parent's own");
    });
    assert_eq!(parent.end(), 0);
}

/// Counts as [`Noted`] does, when a process ends as those do that have a `main`.
extern "C" fn note_the_exit() {
    if let Some(exits) = EXITS.get() {
        exits.fetch_add(1, Ordering::Relaxed);
    }
}

static EXITS: OnceLock<Root<AtomicU64>> = OnceLock::new();

thread_local! {
    static OF_THE_THREAD: Cell<Option<Noted>> = const { Cell::new(None) };
}

#[test]
fn a_worker_ends_and_what_it_has_inherited_does_not() {
    // In a process of its own, which is ended so.
    let parent = Child::start(|| {
        let heap = heap();
        let named = |name| heap.root_or_insert_with(name, || AtomicU64::new(0)).unwrap();
        let [exits, drops] = ["exits", "drops"].map(named);
        assert!(EXITS.set(exits).is_ok());
        // SAFETY: the function is there for as long as the process is, and does not unwind.
        assert_eq!(unsafe { libc::atexit(note_the_exit) }, 0);
        OF_THE_THREAD.set(Some(Noted(drops)));
        let owners = (Noted(drops), ShmBox::new_in(7_u64, &heap).unwrap());
        let end_of = |work: &dyn Fn() -> i32| {
            // SAFETY: the worker uses the heap alone, and drops nothing.
            let mut worker = unsafe { heap.fork_worker(work) }.unwrap();
            worker.wait().unwrap().code()
        };
        let counts = || [exits, drops].map(|count| count.load(Ordering::Relaxed));
        assert_eq!(end_of(&|| *owners.1 as i32), Some(7));
        assert_eq!(end_of(&|| panic_quietly()), Some(SharedHeap::PANICKED));
        assert_eq!((counts(), *owners.1), ([0, 0], 7));
        // Who ends in another way leaves traces. The sanitizer would look for leaks then, and find its parent's.
        if cfg!(not(asan)) {
            assert_eq!(end_of(&|| process::exit(3)), Some(3));
            assert_eq!(counts()[0], 1);
        }
    });
    assert_eq!(parent.end(), 0);
}

#[test]
fn a_worker_never_comes_back() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly()
        }
    }

    let parent = Child::start(|| {
        let (heap, parent) = (heap(), process::id());
        let work = || resume_unwind(Box::new(Bomb));
        // SAFETY: the worker uses nothing.
        let forked = catch_unwind(AssertUnwindSafe(|| unsafe { heap.fork_worker(work) }));
        if process::id() != parent {
            // SAFETY: the call takes a number.
            unsafe { libc::_exit(55) };
        }
        let end = forked.ok().unwrap().unwrap().wait().unwrap();
        assert_eq!(end.code(), Some(SharedHeap::PANICKED));
    });
    assert_eq!(parent.end(), 0);
}

#[test]
fn whoever_has_the_number_of_a_worker_by_now_is_not_killed() {
    let parent = Child::start(|| {
        // SAFETY: the worker does nothing.
        let mut worker = unsafe { heap().fork_worker(|| 0) }.unwrap();
        // SAFETY: it asks for no status.
        unsafe { libc::waitpid(worker.id() as i32, std::ptr::null_mut(), 0) };
        // Who may set it has the next process get the same number.
        let before = (worker.id() - 1).to_string();
        let namesake = (0..20).find_map(|_| {
            let _ = fs::write("/proc/sys/kernel/ns_last_pid", &before);
            let namesake = Child::start(|| thread::sleep(Duration::from_secs(30)));
            (namesake.number() == worker.id()).then_some(namesake)
        });
        worker.kill().unwrap();
        assert!(worker.wait().is_err());
        match namesake {
            Some(namesake) => {
                thread::sleep(Duration::from_millis(50));
                let mut status = 0;
                // SAFETY: `status` has room.
                let ended =
                    unsafe { libc::waitpid(namesake.number() as i32, &mut status, libc::WNOHANG) };
                assert_eq!(ended, 0, "it was killed");
                namesake.kill();
                namesake.end();
            }
            None => left_out("the system gives no numbers again"),
        }
    });
    assert_eq!(parent.end(), 0);
}

/// A heap in which a root is found at the last moment before a fork, and what that is.
static OTHER: OnceLock<SharedHeap> = OnceLock::new();
static FOUND: OnceLock<Root<AtomicU64>> = OnceLock::new();

extern "C" fn find_before_the_fork() {
    if let Some(heap) = OTHER.get() {
        FOUND.get_or_init(|| counter(heap));
    }
}

/// As a signal handler may that comes just then.
extern "C" fn use_after_the_fork() {
    if let Some(heap) = OTHER.get() {
        heap.check().unwrap();
    }
}

#[test]
fn a_worker_has_found_what_is_found_until_it_is_forked() {
    // In a process of its own: workers of other tests would have found it, too.
    let parent = Child::start(|| {
        let main = heap();
        OTHER.get_or_init(heap);
        let (before, after) = (Some(find_before_the_fork as _), Some(use_after_the_fork as _));
        // As if another thread did it, and a signal handler.
        // SAFETY: what is called at a fork may do what this thread may.
        assert_eq!(unsafe { libc::pthread_atfork(before, None, after) }, 0);
        let work = || {
            assert!(FOUND.get().is_some());
            OTHER.get().unwrap().roots().unwrap()[0].participants as i32
        };
        // SAFETY: the worker uses heaps alone.
        let mut worker = unsafe { main.fork_worker(work) }.unwrap();
        assert_eq!(worker.wait().unwrap().code(), Some(2));
    });
    assert_eq!(parent.end(), 0);
}
