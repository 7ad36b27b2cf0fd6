//! Work in threads and processes that comes to an end, whatever goes wrong with it.
#![allow(dead_code, reason = "each test uses a part of this room")]

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Says what a test leaves out, as the system does not let it do that: to those, too, who do not see what tests
/// print that pass.
pub(crate) fn left_out(why: &str) {
    // As it is, tests go on without it.
    let _ = writeln!(io::stderr(), "left out: {why}");
}

/// Fails if `body` hangs.
pub(crate) fn in_time(body: impl FnOnce() + Send + 'static) {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(body));
        let _ = tell.send(result);
    });
    match told.recv_timeout(Duration::from_secs(300)) {
        Ok(result) => result.unwrap_or_else(|panic| resume_unwind(panic)),
        Err(_) => panic!("it hangs"),
    }
    thread.join().unwrap();
}

/// A child of this process. It is killed if nobody waits for its end.
#[derive(Debug)]
pub(crate) struct Child {
    number: libc::pid_t,
}

impl Child {
    /// Forks a child that does `work` and exits, with 0 if that has not panicked. One that hangs is
    /// killed by SIGALRM.
    pub(crate) fn start(work: impl FnOnce()) -> Self {
        // SAFETY: the child does no more than what tests do, and never comes back from here.
        let number = unsafe { libc::fork() };
        assert!(number >= 0);
        if number == 0 {
            // SAFETY: the call takes a number.
            unsafe { libc::alarm(200) };
            let failed = catch_unwind(AssertUnwindSafe(work)).is_err();
            // SAFETY: the call takes a number, and runs nothing of the parent's.
            unsafe { libc::_exit(failed.into()) };
        }
        Self { number }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number.unsigned_abs()
    }

    pub(crate) fn kill(&self) {
        // SAFETY: the child has not been waited for, so the number is its own.
        unsafe { libc::kill(self.number, libc::SIGKILL) };
    }

    /// Waits for its end; returns its status.
    pub(crate) fn end(self) -> libc::c_int {
        ManuallyDrop::new(self).wait()
    }

    fn wait(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: the status is borrowed for as long as the call lasts.
        let gone = unsafe { libc::waitpid(self.number, &raw mut status, 0) };
        assert_eq!(gone, self.number);
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.wait();
    }
}

/// Whether a status is that of a process that was killed by SIGKILL.
pub(crate) fn is_killed(status: libc::c_int) -> bool {
    libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL
}
