//! The machine as loom sees it: atomics that are explored, a kernel that is played, a clock that
//! stands still while anybody can do anything.
//!
//! The kernel's own state is no part of what loom explores. A futex call looks at the newest value of its
//! word, as the kernel does under its lock, and orders nothing else: an ordering that the lock needs
//! must come from the lock.

use core::cell::RefCell;
use core::time::Duration;
use std::panic::resume_unwind;

use loom::thread::{self, Thread, ThreadId};

pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64};

use super::Ordering;
use crate::sync::crash_point::CrashPoint;
use crate::sync::participants::{OWNER_DIED, SLEEPERS};

std::thread_local! {
    /// Loom runs all threads of a model on one thread of the system.
    static KERNEL: RefCell<Kernel> = RefCell::default();
}

/// What the kernel knows.
#[derive(Default)]
struct Kernel {
    sleepers: Vec<Sleeper>,
    /// Nanoseconds.
    now: u64,
    /// Those that were started, and those that sleep or have ended.
    processes: usize,
    idle: usize,
    doomed: Vec<(ThreadId, CrashPoint)>,
    /// Whether sleepers look by themselves after a time.
    heals: bool,
    reached: Coverage,
    /// What happened in this execution, to be read if it fails.
    trace: Vec<Event>,
}

/// Something that happened, and to whom.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "it is printed when a model fails")]
pub(crate) enum Event {
    At(ThreadId, CrashPoint),
    Sleeps(ThreadId),
    /// So many of those who slept.
    Wakes(ThreadId, usize),
}

/// Who sleeps, or is about to.
struct Sleeper {
    thread: Thread,
    words: Vec<*const AtomicU32>,
    until: Option<u64>,
    sleeps: bool,
    called: bool,
}

/// How often something happened, over all executions of a model.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Coverage {
    pub(crate) executions: usize,
    pub(crate) sleeps: usize,
    pub(crate) timeouts: usize,
    pub(crate) deaths: usize,
    pub(crate) steals: usize,
}

/// What a process that dies at a crash point unwinds with.
#[derive(Debug)]
pub(crate) struct Killed;

/// A word, and the value at which one may go to sleep on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) word: &'a AtomicU32,
    pub(crate) value: u32,
}

/// A point in the time of the model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Instant {
    nanoseconds: u64,
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self { nanoseconds: with(|kernel| kernel.now) }
    }

    pub(crate) fn after(duration: Duration) -> Self {
        Self { nanoseconds: Self::now().nanoseconds + duration.as_nanos() as u64 }
    }
}

/// No model spins: who spins sees the owner come to an end, and never sleeps.
#[derive(Debug)]
pub(crate) struct Spin;

impl Spin {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn again(&mut self) -> bool {
        false
    }
}

/// A process dies at once here.
pub(crate) fn settle_the_dead() {}

/// In a strict model nobody looks by himself: who is not woken sleeps for ever.
pub(crate) fn heal_after(pause: Duration) -> Option<Instant> {
    with(|kernel| kernel.heals).then(|| Instant::after(pause))
}

pub(crate) mod futex {
    //! The kernel's calls.

    use super::*;

    pub(crate) fn wait(expected: Expected<'_>, until: Option<Instant>) {
        wait_at(&[expected], until);
    }

    pub(crate) fn wait_either(first: Expected<'_>, second: Expected<'_>, until: Option<Instant>) {
        wait_at(&[first, second], until);
    }

    /// Wakes the first that sleep on the word, or are about to.
    pub(crate) fn wake(word: &AtomicU32, count: i32) {
        // Others may come between what was done before and this call.
        word.load(Ordering::Relaxed);
        let me = thread::current().id();
        let called = with(|kernel| {
            let here = kernel.sleepers.iter_mut().filter(|sleeper| {
                !sleeper.called && sleeper.words.contains(&core::ptr::from_ref(word))
            });
            let called: Vec<_> = here.take(count as usize).filter_map(Sleeper::call).collect();
            kernel.idle -= called.len();
            kernel.trace.push(Event::Wakes(me, called.len()));
            called
        });
        called.into_iter().for_each(|thread| thread.unpark());
    }

    fn wait_at(words: &[Expected<'_>], until: Option<Instant>) {
        let me = thread::current();
        with(|kernel| {
            let until = until.map(|until| until.nanoseconds);
            let sleeper =
                Sleeper { thread: me.clone(), words: vec![], until, sleeps: false, called: false };
            kernel.sleepers.push(sleeper);
        });
        // Compared and queued word by word; nobody comes between the two steps of one word.
        let unchanged = words.iter().all(|&Expected { word, value }| {
            let same = word.fetch_or(0, Ordering::Relaxed) == value;
            with(|kernel| kernel.sleeper(me.id()).words.push(word));
            same
        });
        if unchanged && !with(|kernel| kernel.sleeper(me.id()).called) {
            with(|kernel| {
                kernel.sleeper(me.id()).sleeps = true;
                kernel.idle += 1;
                kernel.reached.sleeps += 1;
                kernel.trace.push(Event::Sleeps(me.id()));
            });
            let_time_pass_if_all_is_quiet();
            while !with(|kernel| kernel.sleeper(me.id()).called) {
                thread::park();
            }
        }
        with(|kernel| kernel.sleepers.retain(|sleeper| sleeper.thread.id() != me.id()));
        // Who was called sees the words no older than they were then.
        for Expected { word, .. } in words {
            word.fetch_or(0, Ordering::Relaxed);
        }
    }
}

impl Sleeper {
    /// Calls it; returns its thread if that sleeps.
    fn call(&mut self) -> Option<Thread> {
        self.called = true;
        core::mem::take(&mut self.sleeps).then(|| self.thread.clone())
    }
}

impl Kernel {
    fn sleeper(&mut self, thread: ThreadId) -> &mut Sleeper {
        self.sleepers.iter_mut().find(|sleeper| sleeper.thread.id() == thread).unwrap()
    }
}

/// Lets some time pass: who has slept long enough wakes up.
pub(crate) fn advance(duration: Duration) {
    with(|kernel| kernel.now += duration.as_nanos() as u64);
    wake_whose_time_has_come();
}

fn wake_whose_time_has_come() {
    let woken = with(|kernel| {
        let now = kernel.now;
        let due = kernel
            .sleepers
            .iter_mut()
            .filter(|sleeper| sleeper.sleeps && sleeper.until.is_some_and(|until| until <= now));
        let woken: Vec<_> = due.filter_map(Sleeper::call).collect();
        kernel.idle -= woken.len();
        kernel.reached.timeouts += woken.len();
        woken
    });
    woken.into_iter().for_each(|thread| thread.unpark());
}

/// The clock goes on when nobody else can: to the time of the first sleeper who has one.
fn let_time_pass_if_all_is_quiet() {
    let first = with(|kernel| {
        let times = kernel.sleepers.iter().filter_map(|sleeper| sleeper.until);
        times.min().filter(|_| kernel.idle == kernel.processes)
    });
    if let Some(first) = first {
        with(|kernel| kernel.now = kernel.now.max(first));
        wake_whose_time_has_come();
    }
}

/// Begins an execution of a model.
pub(crate) fn begin(heals: bool) {
    with(|kernel| {
        let mut reached = kernel.reached;
        reached.executions += 1;
        *kernel = Kernel { heals, reached, ..Kernel::default() };
    });
}

/// Ends an execution: nobody sleeps any more.
pub(crate) fn end() {
    assert!(with(|kernel| kernel.sleepers.is_empty()), "somebody still sleeps");
}

/// Counts a process that is about to start.
pub(crate) fn process_starts() {
    with(|kernel| kernel.processes += 1);
}

/// Dooms the calling process to die at a point.
pub(crate) fn doom(point: CrashPoint) {
    let me = thread::current().id();
    with(|kernel| kernel.doomed.push((me, point)));
}

/// Counts a process that has ended.
pub(crate) fn process_ends() {
    with(|kernel| kernel.idle += 1);
    let_time_pass_if_all_is_quiet();
}

/// What the kernel does for the word on the robust list of a keeper that died.
pub(crate) fn keeper_dies(liveness: &AtomicU32, keeper: u32) {
    let marked = liveness.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |word| {
        (word & !SLEEPERS == keeper).then_some(word & SLEEPERS | OWNER_DIED)
    });
    if marked.is_ok_and(|word| word & SLEEPERS != 0) {
        futex::wake(liveness, 1);
    }
}

/// Called at each crash point: whoever is doomed to die there does.
pub(crate) fn reached(point: CrashPoint) {
    let me = thread::current().id();
    let dies = with(|kernel| {
        kernel.trace.push(Event::At(me, point));
        let found = kernel.doomed.iter().position(|&doomed| doomed == (me, point))?;
        kernel.doomed.swap_remove(found);
        kernel.reached.deaths += 1;
        Some(())
    });
    if dies.is_some() {
        resume_unwind(Box::new(Killed));
    }
}

/// Counts a lock that was taken from the dead.
pub(crate) fn count_steal() {
    with(|kernel| kernel.reached.steals += 1);
}

/// What was reached since the last call.
pub(crate) fn take_coverage() -> Coverage {
    with(|kernel| core::mem::take(&mut kernel.reached))
}

/// What happened in the last execution.
pub(crate) fn take_trace() -> Vec<Event> {
    with(|kernel| core::mem::take(&mut kernel.trace))
}

fn with<R>(act: impl FnOnce(&mut Kernel) -> R) -> R {
    KERNEL.with(|kernel| act(&mut kernel.borrow_mut()))
}
