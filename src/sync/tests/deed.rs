//! What a process of a test does when it comes to a crash point: nothing, unless it was told to.
#![expect(unsafe_code, reason = "sends signals to its own process")]

use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::sync::crash_point::CrashPoint;

/// What to do at a crash point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Deed {
    /// To die of SIGKILL.
    Die,
    /// To stop, with all threads, until SIGCONT.
    Stop,
    /// To let others run for so many milliseconds.
    Linger(u32),
}

const NOWHERE: u32 = u32::MAX;

/// Where this process does its deed, and which: a signal, or a time in milliseconds. Atomic, as they
/// are set after a fork.
static PLACE: AtomicU32 = AtomicU32::new(NOWHERE);
static SIGNAL: AtomicI32 = AtomicI32::new(0);
static MILLISECONDS: AtomicU32 = AtomicU32::new(0);

/// Where this process counts how often it has come by, in memory that it shares.
static COUNTED: AtomicU32 = AtomicU32::new(NOWHERE);
static COUNT: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());

/// Makes this process do `deed` the next time that it comes to `point`: for forked children only.
pub(super) fn arm(point: CrashPoint, deed: Deed) {
    let (signal, milliseconds) = match deed {
        Deed::Die => (libc::SIGKILL, 0),
        Deed::Stop => (libc::SIGSTOP, 0),
        Deed::Linger(milliseconds) => (0, milliseconds),
    };
    SIGNAL.store(signal, Ordering::SeqCst);
    MILLISECONDS.store(milliseconds, Ordering::SeqCst);
    PLACE.store(point as u32, Ordering::SeqCst);
}

/// Makes this process count in `count` how often it comes to `point`: for forked children only.
pub(super) fn count(point: CrashPoint, count: &'static AtomicU32) {
    COUNT.store(ptr::from_ref(count).cast_mut(), Ordering::SeqCst);
    COUNTED.store(point as u32, Ordering::SeqCst);
}

/// Called at every crash point, on whatever thread comes there.
pub(crate) fn reached(point: CrashPoint) {
    let point = point as u32;
    if COUNTED.load(Ordering::Relaxed) == point {
        // SAFETY: null, or stored by `count`, which has borrowed it for good.
        let count = unsafe { COUNT.load(Ordering::Relaxed).as_ref() };
        count.map(|count| count.fetch_add(1, Ordering::SeqCst));
    }
    let armed = PLACE.load(Ordering::Relaxed) == point;
    // Of several threads one does it, once.
    if armed && PLACE.swap(NOWHERE, Ordering::SeqCst) == point {
        act();
    }
}

#[cold]
fn act() {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => {
            let milliseconds = MILLISECONDS.load(Ordering::SeqCst);
            thread::sleep(Duration::from_millis(milliseconds.into()));
        }
        signal => signal_myself(signal),
    }
}

/// Sends this process a signal, by way of this thread: SIGSTOP sent to the process would let the thread
/// run on until another one has stopped.
pub(super) fn signal_myself(signal: i32) {
    // SAFETY: the call takes a number.
    unsafe { libc::raise(signal) };
}
