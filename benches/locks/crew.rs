//! Workers that want the same lock, be they threads or processes.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::clock;
use super::histogram::Histogram;
use super::peers::Lock;
use super::process::{self, Child};
use super::shared::Shared;
use super::work::{Load, work};

/// The most workers there are.
const WORKERS: usize = 8;

/// What the workers of a crew are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crew {
    Threads,
    Processes,
}

/// The place where a crew works for a while, in shared memory.
#[derive(Debug)]
pub(crate) struct Stage {
    /// How many workers are ready.
    ready: AtomicU32,
    /// [`WAIT`], [`GO`] or [`STOP`].
    command: AtomicU32,
    waits: [Wait; WORKERS],
}

/// How long a worker waited for the lock each time, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Wait {
    times: Histogram,
}

const WAIT: u32 = 0;
const GO: u32 = 1;
const STOP: u32 = 2;

impl Stage {
    /// Lets so many workers want a lock for some time; returns what they leave, and the time.
    pub(crate) fn play<L: Lock>(
        lock: &L,
        crew: Crew,
        workers: usize,
        load: Load,
        time: Duration,
    ) -> (Shared<Self>, Duration) {
        let stage = Shared::new(Self {
            ready: AtomicU32::new(0),
            command: AtomicU32::new(WAIT),
            waits: [const { Wait { times: Histogram::new() } }; WORKERS],
        });
        let before = *lock.lock();
        let act = |worker| stage.act(lock, worker, load);
        let time = match crew {
            Crew::Threads => thread::scope(|scope| {
                (0..workers).for_each(|worker| drop(scope.spawn(move || act(worker))));
                stage.conduct(&[], workers, time)
            }),
            Crew::Processes => {
                let start = |worker| Child::start(move || act(worker));
                let children: Vec<Child> = (0..workers).map(start).collect();
                let time = stage.conduct(&children, workers, time);
                Child::finish_all(&children);
                time
            }
        };
        let counted: u64 = stage.times().map(Histogram::count).sum();
        assert_eq!(*lock.lock() - before, counted + workers as u64, "{} let two in", L::NAME);
        (stage, time)
    }

    /// How long each worker of the crew had to wait.
    pub(crate) fn times(&self) -> impl Iterator<Item = &Histogram> + Clone {
        self.waits[..self.ready.load(Ordering::Relaxed) as usize].iter().map(|wait| &wait.times)
    }

    /// What a worker does.
    fn act<L: Lock>(&self, lock: &L, worker: usize, load: Load) {
        // The first time may take longer: a process joins.
        *lock.lock() += 1;
        self.ready.fetch_add(1, Ordering::Release);
        process::until(&[], || self.command.load(Ordering::Relaxed) != WAIT);
        let mut state = worker as u64 + 1;
        while self.command.load(Ordering::Relaxed) == GO {
            let asked = clock::ticks();
            let mut number = lock.lock();
            let taken = clock::ticks();
            *number += 1;
            state = work(state, load.inside);
            drop(number);
            self.waits[worker].times.record(taken.saturating_sub(asked));
            state = work(state, load.outside);
        }
        black_box(state);
    }

    fn conduct(&self, children: &[Child], workers: usize, time: Duration) -> Duration {
        process::until(children, || self.ready.load(Ordering::Acquire) as usize == workers);
        let start = Instant::now();
        self.command.store(GO, Ordering::Relaxed);
        thread::sleep(time);
        self.command.store(STOP, Ordering::Relaxed);
        start.elapsed()
    }
}
