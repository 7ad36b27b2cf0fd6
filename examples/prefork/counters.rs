//! What all workers have done, and who they are: figures that a kill leaves neither torn nor behind.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use aquifer::{KillSafe, ShmMutex, ShmMutexGuard, ShmSafe};

use crate::histogram::Histogram;
use crate::status_code::StatusCode;

/// The most workers at one time, those that are on their way out included.
pub(crate) const MAX_WORKERS: usize = 64;

/// What has been done.
#[derive(Clone, Copy, KillSafe, ShmSafe)]
#[repr(C)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// By the first digit of their status.
    pub(crate) statuses: [u64; 6],
    /// Bytes of answers.
    pub(crate) bytes: u64,
    /// Those that the cache answered.
    pub(crate) hits: u64,
    /// Those that it could answer from now on, and did not.
    pub(crate) misses: u64,
    /// Those that came too fast: they are among the statuses, too.
    pub(crate) limited: u64,
    pub(crate) connections: u64,
}

/// What all have done, and how long the requests took. In each of the figures all requests are counted that are
/// in any.
#[derive(Clone, Copy, KillSafe, ShmSafe)]
#[repr(C)]
pub(crate) struct Figures {
    pub(crate) done: Tally,
    pub(crate) latency: Histogram,
}

/// One worker.
#[derive(Clone, Copy, KillSafe, ShmSafe)]
#[repr(C)]
pub(crate) struct Worker {
    /// 0 if there is none.
    pub(crate) pid: u32,
    pub(crate) generation: u32,
    /// In nanoseconds of the monotonic clock.
    pub(crate) started: u64,
    pub(crate) requests: u64,
    pub(crate) connections: u64,
}

/// The figures, twice: a change is made in the copy that is not current, and takes effect by one store. So
/// whoever is killed in the middle of it has changed nothing, and has not left requests in one of the
/// figures that are not in the others.
#[derive(KillSafe, ShmSafe)]
#[repr(C)]
pub(crate) struct Counters {
    current: AtomicU64,
    copies: [Figures; 2],
    /// How many workers were ever started.
    pub(crate) starts: u64,
    pub(crate) workers: [Worker; MAX_WORKERS],
}

impl Figures {
    pub(crate) const NONE: Self = Self { done: Tally::NONE, latency: Histogram::EMPTY };
}

impl Worker {
    pub(crate) const NONE: Self =
        Self { pid: 0, generation: 0, started: 0, requests: 0, connections: 0 };
}

impl Counters {
    pub(crate) const fn new() -> Self {
        let (copies, workers) = ([Figures::NONE; 2], [Worker::NONE; MAX_WORKERS]);
        Self { current: AtomicU64::new(0), copies, starts: 0, workers }
    }

    pub(crate) fn figures(&self) -> &Figures {
        &self.copies[self.current_index()]
    }

    /// Any number may be there that a dead process has left; one of two copies is meant.
    fn current_index(&self) -> usize {
        (self.current.load(Ordering::Relaxed) & 1) as usize
    }

    /// Adds what a worker has done, all of it or nothing.
    fn add(&mut self, done: &Tally, nanoseconds: u64, worker: usize) {
        let current = self.current_index();
        let mut sum = self.copies[current];
        sum.done.add(done);
        sum.latency.add(nanoseconds, done.requests);
        self.copies[1 - current] = sum;
        // Release: the copy is whole before it is current.
        self.current.store(1 - current as u64, Ordering::Release);
        self.workers[worker].requests += done.requests;
        self.workers[worker].connections += done.connections;
    }
}

impl Tally {
    pub(crate) const NONE: Self = Self {
        requests: 0,
        statuses: [0; 6],
        bytes: 0,
        hits: 0,
        misses: 0,
        limited: 0,
        connections: 0,
    };

    pub(crate) fn count(&mut self, status: StatusCode) {
        self.requests += 1;
        self.statuses[status.class()] += 1;
        self.limited += u64::from(status == StatusCode::TOO_MANY_REQUESTS);
    }

    /// Tells the others of it. All of its requests took so long.
    pub(crate) fn hand_over(&self, all: &ShmMutex<Counters>, nanoseconds: u64, worker: usize) {
        if let Some(mut counters) = lock(all) {
            counters.add(self, nanoseconds, worker);
        }
    }

    fn add(&mut self, more: &Self) {
        self.requests += more.requests;
        self.statuses.iter_mut().zip(more.statuses).for_each(|(sum, more)| *sum += more);
        self.bytes += more.bytes;
        self.hits += more.hits;
        self.misses += more.misses;
        self.limited += more.limited;
        self.connections += more.connections;
    }
}

/// Takes the lock; none if this process cannot share the heap, which it would not have got this far with.
pub(crate) fn lock(counters: &ShmMutex<Counters>) -> Option<ShmMutexGuard<'_, Counters>> {
    // The current copy is whole, and the worker's own row is that of a dead worker.
    counters.lock().or_else(|error| error.recover(|_| ())).ok()
}
