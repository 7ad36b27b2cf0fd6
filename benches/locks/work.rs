//! Work of a given length, inside and outside of a lock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::clock::Clock;

/// What a worker does each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Steps with the lock.
    pub(crate) inside: u32,
    /// Steps before the lock is asked for again.
    pub(crate) outside: u32,
}

impl Load {
    /// With the lock a worker spends so much time, a reading of the clock included.
    pub(crate) fn of(clock: &Clock, inside: Duration, outside: Duration) -> Self {
        let step = nanoseconds_per_step();
        let steps = |nanoseconds: f64| (nanoseconds / step).round() as u32;
        let inside = inside.as_nanos() as f64 - clock.nanoseconds_per_reading();
        Self { inside: steps(inside), outside: steps(outside.as_nanos() as f64) }
    }
}

/// Makes so many steps, each of which needs the one before: a random sequence of Marsaglia's.
#[inline]
pub(crate) fn work(mut state: u64, steps: u32) -> u64 {
    for _ in 0..steps {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    state
}

/// The least of several attempts: others may use the processor meanwhile.
fn nanoseconds_per_step() -> f64 {
    const STEPS: u32 = 100_000;
    let attempts = (0..20).map(|_| {
        let start = Instant::now();
        black_box(work(black_box(1), black_box(STEPS)));
        start.elapsed().as_nanos() as f64 / f64::from(STEPS)
    });
    attempts.fold(f64::INFINITY, f64::min)
}
