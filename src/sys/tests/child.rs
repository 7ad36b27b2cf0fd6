//! Forked processes, none of which outlives the test that made it.
#![expect(unsafe_code, reason = "forks, sends signals and waits")]

use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use super::patience::comes_true;

/// A forked process. If it still lives when this is dropped, it is killed; it is waited for in any
/// case.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    ending: Option<Ending>,
}

/// How a process came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// By itself, with a code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
}

impl Ending {
    /// How [`Child::fork`] ends if its body returns.
    pub(crate) const WELL: Self = Self::Exited(0);
    pub(crate) const BY_SIGKILL: Self = Self::Killed(libc::SIGKILL);
    /// How it ends if one of its threads panics.
    const PANICKED: i32 = 101;
}

impl Child {
    /// Forks a process that runs `body` and ends. It has this thread alone, and glibc lets it
    /// allocate memory and start threads.
    pub(crate) fn fork(body: impl FnOnce()) -> Self {
        tell_of_panics_in_children();
        // SAFETY: the child has a copy of this thread's stack, and never returns from here.
        match unsafe { libc::fork() } {
            0 => live(body),
            pid => {
                assert!(pid > 0, "no process to be had");
                Self { pid, ending: None }
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Kills it by SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) -> Ending {
        self.signal(libc::SIGKILL);
        self.wait(0)
    }

    /// Stops it, and returns when it has stopped.
    pub(crate) fn stop(&mut self) {
        self.signal(libc::SIGSTOP);
        self.wait_until_stopped();
    }

    /// Lets it go on after a stop.
    pub(crate) fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits until it has stopped, which it is known to do.
    pub(crate) fn wait_until_stopped(&mut self) {
        let mut status = 0;
        // SAFETY: `status` has room for what is written to it, and the child is not waited for yet.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, libc::WUNTRACED) };
        assert!(pid == self.pid && libc::WIFSTOPPED(status), "it ended instead of stopping");
    }

    /// Waits for its end, which comes soon.
    pub(crate) fn end(&mut self) -> Ending {
        assert!(comes_true(|| self.has_ended()), "process {} does not end", self.pid);
        self.ending.unwrap_or_else(|| self.wait(0))
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.ending.is_some() || {
            self.wait(libc::WNOHANG);
            self.ending.is_some()
        }
    }

    fn signal(&self, signal: i32) {
        if self.ending.is_none() {
            // SAFETY: two numbers; the process is ours until it is waited for.
            unsafe { libc::kill(self.pid, signal) };
        }
    }

    /// Waits for its end; with `WNOHANG` the result counts only if `ending` is set.
    fn wait(&mut self, options: i32) -> Ending {
        if let Some(ending) = self.ending {
            return ending;
        }
        let mut status = 0;
        // SAFETY: `status` has room for what is written to it, and the child is not waited for yet.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, options) };
        let ending = if libc::WIFSIGNALED(status) {
            Ending::Killed(libc::WTERMSIG(status))
        } else {
            Ending::Exited(libc::WEXITSTATUS(status))
        };
        self.ending = (pid == self.pid).then_some(ending);
        ending
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The life of a child.
fn live(body: impl FnOnce()) -> ! {
    IS_CHILD.store(true, Ordering::Relaxed);
    // The thread that forks is a test's: when it ends, this process does. For the case that the
    // whole program is killed, and drops nothing.
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    body();
    exit_at_once(0)
}

/// Ends this process, with whatever it holds.
pub(crate) fn exit_at_once(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}

/// Limits what this process may have.
pub(crate) fn limit(resource: libc::__rlimit_resource_t, most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the limit is borrowed for as long as the call lasts.
    let result = unsafe { libc::setrlimit(resource, &raw const limit) };
    assert_eq!(result, 0);
}

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Lets a panic end a child, on whatever thread, and be reported past the locks of `std`: another
/// thread of the parent may have held them in the moment of the fork.
fn tell_of_panics_in_children() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IS_CHILD.load(Ordering::Relaxed) { end_in_panic(info) } else { before(info) }
        }));
    });
}

fn end_in_panic(info: &PanicHookInfo<'_>) {
    let text = format!("in process {}, {info}\n", std::process::id());
    // SAFETY: the text is borrowed for as long as the call lasts.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    exit_at_once(Ending::PANICKED)
}
