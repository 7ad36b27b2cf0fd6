//! The monotonic clock, which all processes of a machine read alike: so its times may be shared.
#![forbid(unsafe_code)]

use nix::time::{ClockId, clock_gettime};

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since the machine was started, more or less.
pub(crate) fn now() -> u64 {
    // Linux has had this clock for as long as it has had futexes.
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a monotonic clock");
    time.tv_sec() as u64 * SECOND + time.tv_nsec() as u64
}
