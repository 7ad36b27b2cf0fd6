//! A forked process that goes on by one machine instruction at a time.
#![expect(unsafe_code, reason = "forks, traces, sends signals and waits")]

use core::ffi::c_long;
use core::ptr;
use std::io;
use std::panic::{self, AssertUnwindSafe};

/// A process that stands still between two instructions. It is killed when this is dropped.
pub(crate) struct Traced {
    pid: libc::pid_t,
    /// What stopped it, to be delivered when it goes on; 0 if that was tracing alone.
    signal: i32,
    lives: bool,
}

impl Traced {
    /// More than the longest operation takes, for the case that one has no end.
    const SECONDS: u32 = 120;
    const PANICKED: i32 = 101;
    const NOT_PERMITTED: i32 = 77;

    /// Forks a process that stands still a little before `body`, and ends after it. None where the
    /// system lets nobody trace.
    pub(crate) fn fork(body: impl FnOnce()) -> Option<Self> {
        // SAFETY: the child has a copy of this thread's stack, and never returns from here.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            live(body);
        }
        assert!(pid > 0, "no process to be had");
        let mut traced = Self { pid, signal: 0, lives: true };
        let status = traced.wait();
        // The stop was for this process alone.
        traced.signal = 0;
        let is_permitted = libc::WEXITSTATUS(status) != Self::NOT_PERMITTED;
        assert!(traced.lives || !is_permitted, "the child has ended: {status:#x}");
        traced.lives.then_some(traced)
    }

    /// Lets it execute one instruction; returns `false` if it has ended.
    pub(crate) fn step(&mut self) -> bool {
        self.go_on(libc::PTRACE_SINGLESTEP)
    }

    /// Lets it execute whatever comes before a [`stand_still`]; returns `false` if it has ended.
    pub(crate) fn run(&mut self) -> bool {
        self.go_on(libc::PTRACE_CONT)
    }

    fn go_on(&mut self, request: libc::c_uint) -> bool {
        let none = ptr::null_mut::<libc::c_void>();
        // SAFETY: the call takes numbers; the process is ours until it is waited for.
        let result = unsafe { libc::ptrace(request, self.pid, none, c_long::from(self.signal)) };
        assert!(result == 0, "no step: {}", io::Error::last_os_error());
        self.wait();
        self.lives
    }

    /// Waits until it stands still again or has ended; returns what the system says.
    fn wait(&mut self) -> i32 {
        let mut status = 0;
        // SAFETY: `status` has room for what is written to it, and the child is not waited for yet.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
        assert!(pid == self.pid, "no child: {}", io::Error::last_os_error());
        self.lives = libc::WIFSTOPPED(status);
        let stopped_by = libc::WSTOPSIG(status);
        let is_to_be_delivered = self.lives && stopped_by != libc::SIGTRAP;
        self.signal = if is_to_be_delivered { stopped_by } else { 0 };
        status
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if self.lives {
            // SAFETY: two numbers; the process is ours until it is waited for.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // SAFETY: a null pointer asks for no status.
            unsafe { libc::waitpid(self.pid, ptr::null_mut(), 0) };
        }
    }
}

/// Makes a traced process stand still.
pub(crate) fn stand_still() {
    // SAFETY: the call takes a number.
    unsafe { libc::raise(libc::SIGTRAP) };
}

/// The life of a child.
fn live(body: impl FnOnce()) -> ! {
    // For the case that the whole program is killed, and drops nothing: the thread that forks is a
    // test's.
    // SAFETY: the call takes numbers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(Traced::SECONDS) };
    let none = ptr::null_mut::<libc::c_void>();
    // SAFETY: this request looks at none of the other arguments.
    if unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, none, none) } != 0 {
        exit_at_once(Traced::NOT_PERMITTED);
    }
    // SAFETY: the call takes a number.
    unsafe { libc::raise(libc::SIGSTOP) };
    let ending = panic::catch_unwind(AssertUnwindSafe(body));
    exit_at_once(ending.map_or(Traced::PANICKED, |()| 0))
}

/// Ends this process without a word to the test harness, whose copy it has.
fn exit_at_once(code: i32) -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(code) }
}
