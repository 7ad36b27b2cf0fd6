//! A forked child, which does not outlive the handle to it.
#![expect(unsafe_code, reason = "forks and kills")]

use std::cell::Cell;
use std::os::unix::process::parent_id;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;
use std::{io, process, thread};

/// A process that is killed, if it still runs, when this is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    /// What it has left, once it was waited for: its number may be another's then.
    status: Cell<Option<libc::c_int>>,
}

impl Child {
    /// Forks a process that does its work and ends.
    pub(crate) fn start(work: impl FnOnce()) -> Self {
        let parent = process::id();
        // SAFETY: no other thread of this program holds what the child needs: they only wait.
        match unsafe { libc::fork() } {
            0 => {
                die_with(parent);
                let result = panic::catch_unwind(AssertUnwindSafe(work));
                // SAFETY: the call ends this process, which leaves nothing of its own behind.
                unsafe { libc::_exit(result.is_err().into()) }
            }
            pid if pid > 0 => Self { pid, status: Cell::new(None) },
            _ => panic!("fork: {}", io::Error::last_os_error()),
        }
    }

    pub(crate) fn kill(&self) {
        if self.status.get().is_none() {
            // SAFETY: the child was not waited for, so the number is still its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
    }

    /// Waits until the work is done.
    ///
    /// # Panics
    ///
    /// The work has panicked, or the process was killed.
    pub(crate) fn finish(self) {
        assert_eq!(self.wait(0), Some(0), "a worker failed");
    }

    /// Waits until the work of all is done. What one does may depend on the others.
    ///
    /// # Panics
    ///
    /// One of them has panicked, or was killed. The others are killed.
    pub(crate) fn finish_all(children: &[Self]) {
        until(children, || children.iter().all(|child| child.wait(libc::WNOHANG) == Some(0)));
    }

    /// What it has left, if it has ended.
    fn wait(&self, options: libc::c_int) -> Option<libc::c_int> {
        // Stays so, and so is a failure, if there is nobody to wait for.
        let mut status = -1;
        if self.status.get().is_none() {
            // SAFETY: the status has room for what is written to it.
            let pid = unsafe { libc::waitpid(self.pid, &mut status, options) };
            self.status.set((pid != 0).then_some(status));
        }
        self.status.get()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.wait(0);
    }
}

/// Waits for something that children are to do, without taking a processor from others.
///
/// # Panics
///
/// One of them has panicked, or was killed: it may have been the one to do it.
pub(crate) fn until(children: &[Child], mut done: impl FnMut() -> bool) {
    let has_failed = |child: &Child| child.wait(libc::WNOHANG).is_some_and(|status| status != 0);
    while !done() {
        assert!(!children.iter().any(has_failed), "a worker failed");
        thread::sleep(Duration::from_micros(50));
    }
}

fn die_with(parent: u32) {
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    if parent_id() != parent {
        // SAFETY: the call ends this process, which has done nothing yet. Nobody sends the signal any more.
        unsafe { libc::_exit(1) };
    }
}
