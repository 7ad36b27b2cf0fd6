//! Processes that are copies of this one.
#![expect(unsafe_code, reason = "forks")]

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

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

/// Whether to wait for the end of a process that has not ended yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    Wait,
    Ask,
}

/// Returns how a child has ended; none if it has not, and nobody is to wait. It is told once.
///
/// # Errors
///
/// Those of `waitpid`: it is no child of this process, or its end was told already.
pub(crate) fn wait(pid: u32, patience: Patience) -> io::Result<Option<ExitStatus>> {
    let options = if patience == Patience::Ask { libc::WNOHANG } else { 0 };
    let mut status = 0;
    loop {
        // SAFETY: `status` has room for what is written.
        match unsafe { libc::waitpid(pid as libc::pid_t, &mut status, options) } {
            0 => return Ok(None),
            -1 => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
            _ => return Ok(Some(ExitStatus::from_raw(status))),
        }
    }
}

/// Kills a child whose end was not told yet.
///
/// # Errors
///
/// Those of `kill`.
pub(crate) fn kill(pid: u32) -> io::Result<()> {
    // SAFETY: the call takes numbers.
    match unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process: nothing is dropped, and nothing that was registered for its end is called.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}
