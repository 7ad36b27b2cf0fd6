//! A forked child, which does not outlive the handle to it.
#![expect(unsafe_code, reason = "forks and kills")]

use std::panic::{self, AssertUnwindSafe};
use std::{io, mem};

/// A process that is killed, if it still runs, when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
}

impl Child {
    /// Forks a process that does its work and ends.
    pub(crate) fn start(work: impl FnOnce()) -> Self {
        // SAFETY: no other thread of this program holds what the child needs: they only wait.
        match unsafe { libc::fork() } {
            0 => {
                die_with_the_parent();
                let result = panic::catch_unwind(AssertUnwindSafe(work));
                // SAFETY: the call ends this process, which leaves nothing of its own behind.
                unsafe { libc::_exit(result.is_err().into()) }
            }
            pid if pid > 0 => Self { pid },
            _ => panic!("fork: {}", io::Error::last_os_error()),
        }
    }

    pub(crate) fn kill(&self) {
        // SAFETY: the child was not waited for, so the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
    }

    /// Waits until the work is done.
    ///
    /// # Panics
    ///
    /// The work has panicked, or the process was killed.
    pub(crate) fn finish(self) {
        let status = self.wait();
        mem::forget(self);
        assert_eq!(status, 0, "a worker failed");
    }

    fn wait(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: the status has room for what is written to it.
        unsafe { libc::waitpid(self.pid, &mut status, 0) };
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.wait();
    }
}

fn die_with_the_parent() {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}
