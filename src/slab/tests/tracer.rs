//! A forked process that goes on by one machine instruction at a time.
#![expect(unsafe_code, reason = "forks, traces, sends signals and waits")]

use core::ffi::{c_long, c_void};
use core::mem;
use core::ptr;
use std::io;
use std::panic::{self, AssertUnwindSafe};

/// A process, or one of its threads, that stands still between two instructions. The process is killed when
/// this is dropped.
pub(crate) struct Traced {
    pid: libc::pid_t,
    /// What stopped it, to be delivered when it goes on; 0 if that was tracing alone.
    signal: i32,
    /// Whether it has just started a thread.
    has_started: bool,
    lives: bool,
}

impl Traced {
    /// More than the longest walk takes on a busy machine, for the case that one has no end.
    const SECONDS: u32 = 300;
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
        let mut traced = Self { pid, signal: 0, has_started: false, lives: true };
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

    /// Has it stand still as it starts a thread, and that thread, too: see [`Traced::started`].
    pub(crate) fn trace_threads(&self) {
        let options = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
        self.ask(libc::PTRACE_SETOPTIONS, ptr::without_provenance_mut(options as usize));
    }

    /// The thread that it has just started, before its first instruction.
    pub(crate) fn started(&self) -> Option<Self> {
        if !self.has_started {
            return None;
        }
        let mut thread: libc::c_ulong = 0;
        self.ask(libc::PTRACE_GETEVENTMSG, (&raw mut thread).cast());
        let pid = libc::pid_t::try_from(thread).ok()?;
        let mut started = Self { pid, signal: 0, has_started: false, lives: true };
        started.wait();
        started.signal = 0;
        Some(started)
    }

    /// The number by which the kernel knows it.
    pub(crate) fn number(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// As [`Traced::step`], for an instruction that others may have to end: see [`Traced::has_arrived`].
    pub(crate) fn set_out(&self) {
        self.resume(libc::PTRACE_SINGLESTEP);
    }

    /// As [`Traced::run`], which others may have to end: see [`Traced::has_arrived`].
    pub(crate) fn set_out_to_run(&self) {
        self.resume(libc::PTRACE_CONT);
    }

    /// Whether it stands still again, or has ended.
    pub(crate) fn has_arrived(&mut self) -> bool {
        self.wait_if(libc::WNOHANG).is_some()
    }

    pub(crate) fn lives(&self) -> bool {
        self.lives
    }

    /// Whether it has a signal, which is delivered when it goes on.
    pub(crate) fn has_signal(&self) -> bool {
        self.signal != 0
    }

    pub(crate) fn registers(&self) -> libc::user_regs_struct {
        // SAFETY: they are numbers.
        let mut registers: libc::user_regs_struct = unsafe { mem::zeroed() };
        self.ask(libc::PTRACE_GETREGS, (&raw mut registers).cast());
        registers
    }

    /// The eight bytes at an address of its own.
    pub(crate) fn word(&self, address: usize) -> u64 {
        let mut word = 0_u64;
        let ours = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: size_of::<u64>() };
        let theirs = libc::iovec { iov_base: ptr::without_provenance_mut(address), ..ours };
        // SAFETY: `word` has room for eight bytes.
        let read = unsafe { libc::process_vm_readv(self.pid, &ours, 1, &theirs, 1, 0) };
        assert!(read == 8, "nothing is at {address:#x}: {}", io::Error::last_os_error());
        word
    }

    /// Where the list begins that the kernel goes through when it dies: see `set_robust_list(2)`.
    pub(crate) fn robust_list(&self) -> Option<usize> {
        let (mut head, mut bytes) = (0_usize, 0_usize);
        let number = libc::SYS_get_robust_list;
        // SAFETY: there is room for both.
        let result = unsafe { libc::syscall(number, self.pid, &raw mut head, &raw mut bytes) };
        assert!(result == 0, "no list: {}", io::Error::last_os_error());
        Some(head).filter(|&head| head != 0)
    }

    fn go_on(&mut self, request: libc::c_uint) -> bool {
        self.resume(request);
        self.wait();
        self.lives
    }

    fn resume(&self, request: libc::c_uint) {
        self.ask(request, ptr::without_provenance_mut(self.signal as usize));
    }

    fn ask(&self, request: libc::c_uint, data: *mut c_void) {
        let none = ptr::null_mut::<c_void>();
        // SAFETY: what `data` leads to, if it leads anywhere, has room for what is written to it; the process
        // is ours until it is waited for.
        let result: c_long = unsafe { libc::ptrace(request, self.pid, none, data) };
        assert!(result == 0, "no step: {}", io::Error::last_os_error());
    }

    /// Waits until it stands still again or has ended; returns what the system says.
    fn wait(&mut self) -> i32 {
        self.wait_if(0).expect("it is waited for")
    }

    fn wait_if(&mut self, options: i32) -> Option<i32> {
        let mut status = 0;
        let options = options | libc::__WALL;
        // SAFETY: `status` has room for what is written to it, and the child is not waited for yet.
        let pid = unsafe { libc::waitpid(self.pid, &raw mut status, options) };
        assert!(pid == self.pid || pid == 0, "no child: {}", io::Error::last_os_error());
        if pid == 0 {
            return None;
        }
        self.lives = libc::WIFSTOPPED(status);
        let stopped_by = libc::WSTOPSIG(status);
        let is_to_be_delivered = self.lives && stopped_by != libc::SIGTRAP;
        self.signal = if is_to_be_delivered { stopped_by } else { 0 };
        self.has_started = self.lives && status >> 16 == libc::PTRACE_EVENT_CLONE;
        Some(status)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if self.lives {
            // SAFETY: two numbers; the process is ours until it is waited for.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // SAFETY: a null pointer asks for no status.
            unsafe { libc::waitpid(self.pid, ptr::null_mut(), libc::__WALL) };
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
    let none = ptr::null_mut::<c_void>();
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
