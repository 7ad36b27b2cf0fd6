//! A thread of libc's, and not of `std`'s.
//!
//! A process may be forked while another thread of its parent holds a lock that starting a thread
//! needs. `fork(3)` sees to libc's own locks; `std` does not to its, and the child would wait for ever.
#![expect(unsafe_code, reason = "starts and joins threads, and blocks signals")]

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use std::io;

/// A thread that runs no signal handler of the program's.
#[derive(Debug)]
pub(crate) struct BareThread {
    thread: libc::pthread_t,
}

/// What such a thread does, with what it is given.
pub(crate) type Body = extern "C" fn(*mut c_void) -> *mut c_void;

impl BareThread {
    /// Starts one, with a small stack if it can be had: thread-local variables take a part of it,
    /// and some programs have many.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare.
    ///
    /// # Safety
    ///
    /// `body` may be called with `argument` on another thread.
    pub(crate) unsafe fn start(body: Body, argument: *mut c_void) -> io::Result<Self> {
        /// What is not touched takes no memory, unless the program locks all of its own.
        const STACK_BYTES: usize = 128 << 10;
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes have room for what is written to them.
        done(unsafe { libc::pthread_attr_init(attributes) })?;
        // SAFETY: initialised above.
        let sized = done(unsafe { libc::pthread_attr_setstacksize(attributes, STACK_BYTES) });
        let start = |attributes| {
            let mut thread = MaybeUninit::uninit();
            // SAFETY: there is room for the thread, and the caller vouches for the rest.
            done(unsafe { libc::pthread_create(thread.as_mut_ptr(), attributes, body, argument) })?;
            // SAFETY: written by the call above, which has succeeded.
            Ok(Self { thread: unsafe { thread.assume_init() } })
        };
        let started = without_signals(|| {
            sized.and_then(|()| start(attributes.cast_const())).or_else(|_| start(ptr::null()))
        });
        // SAFETY: initialised above.
        unsafe { libc::pthread_attr_destroy(attributes) };
        started
    }

    /// Waits until it has ended.
    pub(crate) fn join(self) {
        // SAFETY: `start` has started it, and it is joined once.
        unsafe { libc::pthread_join(self.thread, ptr::null_mut()) };
    }
}

fn done(error: libc::c_int) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error)) }
}

/// Calls `work` with all signals blocked, so that a thread that it starts has them blocked, too.
fn without_signals<R>(work: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the set has room for what is written to it.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::uninit();
    // SAFETY: `all` was filled above, and `before` has room for what is written to it.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let result = work();
    // SAFETY: `before` was written by the call above, which cannot fail with these arguments.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
