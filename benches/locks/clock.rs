//! A clock that is cheap to read, and that all processes share.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "reads the time stamp counter"))]
#![cfg_attr(not(target_arch = "x86_64"), expect(unsafe_code, reason = "calls clock_gettime"))]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The time now, in ticks. What stands before it has been executed by then.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(crate) fn ticks() -> u64 {
    // SAFETY: it writes to the place it is given, and every such processor of 64 bits has it.
    unsafe { core::arch::x86_64::__rdtscp(&mut 0) }
}

/// The time now, in ticks.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn ticks() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` has room for what is written to it.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// What a tick is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    nanoseconds_per_tick: f64,
    nanoseconds_per_reading: f64,
}

impl Clock {
    /// Compares the ticks with the clock of the system.
    pub(crate) fn calibrate() -> Self {
        const TIME: Duration = Duration::from_millis(20);
        const READINGS: u32 = 100_000;
        let (start, first) = (Instant::now(), ticks());
        while start.elapsed() < TIME {}
        let nanoseconds_per_tick = start.elapsed().as_nanos() as f64 / (ticks() - first) as f64;
        let start = Instant::now();
        for _ in 0..READINGS {
            black_box(ticks());
        }
        let nanoseconds_per_reading = start.elapsed().as_nanos() as f64 / f64::from(READINGS);
        Self { nanoseconds_per_tick, nanoseconds_per_reading }
    }

    pub(crate) fn nanoseconds(&self, ticks: u64) -> f64 {
        ticks as f64 * self.nanoseconds_per_tick
    }

    /// How long a reading takes.
    pub(crate) fn nanoseconds_per_reading(&self) -> f64 {
        self.nanoseconds_per_reading
    }
}
