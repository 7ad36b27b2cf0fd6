//! Processes that are copies of this one, and how they end.
#![expect(unsafe_code, reason = "forks, and asks the system about children")]

use core::mem;
use core::ptr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
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

/// A child, by a descriptor: its process id may be another's once somebody has waited for it.
#[derive(Debug)]
pub(crate) struct Child {
    pid: u32,
    descriptor: OwnedFd,
}

impl Child {
    /// Finds a child that was forked just now. If there is no descriptor for it, it is killed.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_open`, which came with Linux 5.3.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        // SAFETY: the call takes numbers.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if descriptor < 0 {
            let error = io::Error::last_os_error();
            // SAFETY: the call takes numbers; nobody has waited for the child.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
            // SAFETY: it asks for no status.
            unsafe { libc::waitpid(pid as libc::pid_t, ptr::null_mut(), 0) };
            return Err(error);
        }
        // SAFETY: the kernel has made it just now.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) };
        Ok(Self { pid, descriptor })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns how it has ended; none if it has not, and nobody is to wait. It is told once.
    ///
    /// # Errors
    ///
    /// Those of `waitid`: it is no child of this process, or its end was told already.
    pub(crate) fn wait(&self, patience: Patience) -> io::Result<Option<ExitStatus>> {
        let hang = if patience == Patience::Ask { libc::WNOHANG } else { 0 };
        let descriptor = self.descriptor.as_raw_fd() as libc::id_t;
        loop {
            // SAFETY: all zero is one, of no child.
            let mut end: libc::siginfo_t = unsafe { mem::zeroed() };
            // SAFETY: `end` has room for what is written.
            if unsafe { libc::waitid(libc::P_PIDFD, descriptor, &mut end, libc::WEXITED | hang) }
                == 0
            {
                return Ok(status(&end));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// Kills it. One that has ended has nothing more to fear.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_send_signal`.
    pub(crate) fn kill(&self) -> io::Result<()> {
        let (descriptor, no_info) = (self.descriptor.as_raw_fd(), ptr::null::<libc::siginfo_t>());
        let call = libc::SYS_pidfd_send_signal;
        // SAFETY: the call takes numbers, and a null for what need not be said.
        match unsafe { libc::syscall(call, descriptor, libc::SIGKILL, no_info, 0) } {
            0 => Ok(()),
            _ => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// What `waitid` says of the end of a child; none if it has not ended.
fn status(end: &libc::siginfo_t) -> Option<ExitStatus> {
    // SAFETY: `waitid` has written of a child, or nothing, which is zero.
    if unsafe { end.si_pid() } == 0 {
        return None;
    }
    // SAFETY: as above.
    let value = unsafe { end.si_status() };
    // As `waitpid` has it.
    Some(ExitStatus::from_raw(match end.si_code {
        libc::CLD_EXITED => (value & 0xFF) << 8,
        libc::CLD_DUMPED => value | 0x80,
        _ => value,
    }))
}

/// Ends this process: nothing is dropped, and nothing that was registered for its end is called.
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}
