//! Sleeping on words in shared memory, and waking those who do.
//!
//! No call here is for private words: waker and sleeper may be different processes, which have mapped
//! the word at different addresses. Times are absolute, of the monotonic clock.
#![expect(unsafe_code, reason = "makes futex system calls")]

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::io;

use super::clock::Instant;

/// A word, and the value at which one may go to sleep on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) word: &'a AtomicU32,
    pub(crate) value: u32,
}

/// Sleeps while the word has its expected value, until somebody wakes this sleeper, a signal does, or
/// the time is up. Which of them it was the caller finds out by looking.
pub(crate) fn wait(expected: Expected<'_>, until: Option<Instant>) {
    let until = until.map(|until| {
        let (seconds, nanoseconds) = until.split();
        libc::timespec { tv_sec: seconds as _, tv_nsec: nanoseconds as _ }
    });
    let _kept = KeptErrno::new();
    // SAFETY: the word and the time are borrowed for as long as the call lasts.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            expected.word.as_ptr(),
            libc::FUTEX_WAIT_BITSET,
            expected.value,
            until.as_ref().map_or(ptr::null(), ptr::from_ref),
            ptr::null::<u32>(),
            libc::FUTEX_BITSET_MATCH_ANY,
        )
    };
}

/// Sleeps while both words have their expected values, until somebody wakes this sleeper at one of
/// them or the time is up. A kernel before Linux 5.16 watches the first word alone.
pub(crate) fn wait_either(first: Expected<'_>, second: Expected<'_>, until: Option<Instant>) {
    /// Set once the kernel has refused: it is too old, or a filter forbids the call.
    static REFUSED: AtomicBool = AtomicBool::new(false);
    if REFUSED.load(Ordering::Relaxed) {
        return wait(first, until);
    }
    let words = [Entry::of(first), Entry::of(second)];
    let until = until.map(Timeout::of);
    // SAFETY: the words, the entries and the time are borrowed for as long as the call lasts.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex_waitv,
            words.as_ptr(),
            words.len(),
            0_u32,
            until.as_ref().map_or(ptr::null(), ptr::from_ref),
            libc::CLOCK_MONOTONIC,
        )
    };
    let error = io::Error::last_os_error().raw_os_error();
    if result < 0 && !matches!(error, Some(libc::EAGAIN | libc::ETIMEDOUT | libc::EINTR)) {
        REFUSED.store(true, Ordering::Relaxed);
        // The caller looks, and comes back.
    }
}

/// Wakes at most `count` of those who sleep on `word`.
pub(crate) fn wake(word: &AtomicU32, count: i32) {
    let _kept = KeptErrno::new();
    // SAFETY: the kernel takes the address as a name: it looks for sleepers and reads nothing.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}

/// Leaves `errno` as it was: memory is freed between a call of a program's and its look at that.
struct KeptErrno {
    place: *mut libc::c_int,
    value: libc::c_int,
}

impl KeptErrno {
    fn new() -> Self {
        // SAFETY: the call takes nothing, and returns this thread's.
        let place = unsafe { libc::__errno_location() };
        // SAFETY: it is this thread's, for as long as the thread lives.
        Self { place, value: unsafe { place.read() } }
    }
}

impl Drop for KeptErrno {
    fn drop(&mut self) {
        // SAFETY: as above; it does not leave the thread.
        unsafe { self.place.write(self.value) };
    }
}

/// `struct futex_waitv` of the kernel.
#[repr(C)]
struct Entry {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

impl Entry {
    fn of(expected: Expected<'_>) -> Self {
        /// `FUTEX_32` of the kernel: the word has 32 bits. Private it is not.
        const WORD_OF_32_BITS: u32 = 2;
        let address = expected.word.as_ptr().addr() as u64;
        Self { value: expected.value.into(), address, flags: WORD_OF_32_BITS, reserved: 0 }
    }
}

/// `struct __kernel_timespec`, which has 64 bits on every target.
#[repr(C)]
struct Timeout {
    seconds: i64,
    nanoseconds: i64,
}

impl Timeout {
    fn of(until: Instant) -> Self {
        let (seconds, nanoseconds) = until.split();
        Self { seconds, nanoseconds }
    }
}
