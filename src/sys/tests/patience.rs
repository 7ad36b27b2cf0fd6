//! Waiting with a bound that a busy machine does not move.

use std::thread;
use std::time::{Duration, Instant};

/// A time that is up when this process has been awake for so long.
///
/// What a nap takes beyond [`Patience::NAP_COUNTS`] does not count: as long as this process gets no
/// processor, the processes it waits for do not get one either.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Duration,
}

impl Patience {
    const NAP: Duration = Duration::from_micros(100);
    const NAP_COUNTS: Duration = Duration::from_millis(2);

    pub(crate) fn of(time: Duration) -> Self {
        Self { left: time }
    }

    /// Sleeps for a moment; returns `false` when the time is up.
    pub(crate) fn nap(&mut self) -> bool {
        let begun = Instant::now();
        thread::sleep(Self::NAP);
        self.charge(begun.elapsed())
    }

    /// Takes note of a nap that took `nap`; returns `false` when the time is up.
    pub(crate) fn charge(&mut self, nap: Duration) -> bool {
        self.left = self.left.saturating_sub(nap.min(Self::NAP_COUNTS));
        !self.left.is_zero()
    }
}

/// No lock may be jammed for longer.
pub(crate) const LONGEST_JAM: Duration = Duration::from_secs(1);

/// No process has to wait for a processor for longer.
const LONGEST_STALL: Duration = Duration::from_secs(10);

/// Returns whether `condition`, which other processes bring about, comes true within [`LONGEST_STALL`].
pub(crate) fn comes_true(condition: impl FnMut() -> bool) -> bool {
    comes_true_within(LONGEST_STALL, condition)
}

/// Returns whether `condition` comes true within `time`.
pub(crate) fn comes_true_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let mut patience = Patience::of(time);
    while !condition() {
        if !patience.nap() {
            return condition();
        }
    }
    true
}
