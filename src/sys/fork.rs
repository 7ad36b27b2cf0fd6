//! Processes that are copies of this one.
#![expect(unsafe_code, reason = "forks")]

use std::io;

/// Which of two processes this is, after a fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Child,
    /// The process id of the child.
    Parent(u32),
}

/// Makes a copy of this process, with this thread alone.
///
/// # Errors
///
/// Those of `fork`: no memory, or too many processes.
///
/// # Safety
///
/// What other threads of this process hold, locks of libraries and half-changed data, stays so in the child
/// for ever: it uses none of that. It drops nothing that the parent will drop, and does not return into
/// code that would.
pub(crate) unsafe fn fork() -> io::Result<Side> {
    // SAFETY: the caller's duty.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(pid.unsigned_abs())),
    }
}

/// Ends this process: nothing is dropped, and nothing that was registered for its end is called.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}
