//! The monotonic clock, in nanoseconds.
#![expect(unsafe_code, reason = "calls clock_gettime")]

use core::mem::MaybeUninit;
use core::time::Duration;

/// A point in time of `CLOCK_MONOTONIC`, which all processes of a machine share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Instant {
    nanoseconds: u64,
}

const NANOSECONDS: u64 = 1_000_000_000;

impl Instant {
    /// The time now.
    pub(crate) fn now() -> Self {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: `time` has room for what is written to it.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr()) };
        // SAFETY: the call cannot fail with this clock, so it has written the time.
        let time = unsafe { time.assume_init() };
        Self { nanoseconds: time.tv_sec as u64 * NANOSECONDS + time.tv_nsec as u64 }
    }

    /// The time `duration` from now, or the end of time.
    pub(crate) fn after(duration: Duration) -> Self {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self { nanoseconds: Self::now().nanoseconds.saturating_add(nanoseconds) }
    }

    /// Seconds, and the nanoseconds beyond them, as the kernel takes them.
    pub(super) fn split(self) -> (i64, i64) {
        // A quotient by a thousand million is far below the sign bit.
        ((self.nanoseconds / NANOSECONDS) as i64, (self.nanoseconds % NANOSECONDS) as i64)
    }
}
