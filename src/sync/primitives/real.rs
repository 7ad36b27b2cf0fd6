//! The machine itself: its atomics, its kernel, its clock.

use core::sync::atomic::AtomicBool;
use core::time::Duration;

pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64};

use super::Ordering;
use crate::sync::crash_point::CrashPoint;
pub(crate) use crate::sys::clock::Instant;
pub(crate) use crate::sys::futex::{self, Expected};
use crate::sys::process::has_several_processors;
pub(crate) use crate::sys::process::settle_the_dead;

/// When a sleeper looks by itself whether a call to wake was lost with the one who owed it.
pub(crate) fn heal_after(pause: Duration) -> Option<Instant> {
    Some(Instant::after(pause))
}

/// A bounded time of looking again before one goes to sleep.
#[derive(Debug)]
pub(crate) struct Spin {
    rounds: u32,
    /// None before the first round.
    until: Option<Instant>,
}

/// Whether the owner of a lock can run while somebody spins: not on a single processor.
static IN_PARALLEL: AtomicBool = AtomicBool::new(false);

impl Spin {
    /// Who has found a lock held does not look at it for so long. Each look takes the owner's cache
    /// line away, which costs more than a short time with the lock.
    const AWAY: Duration = Duration::from_nanos(300);
    /// About as long as going to sleep and being woken takes.
    const LONGEST: Duration = Duration::from_micros(20);
    /// Rounds between two looks at the clock, each of which takes as long as several rounds.
    const ROUNDS_BY_THE_CLOCK: u32 = 32;

    pub(crate) fn new() -> Self {
        Self { rounds: 0, until: None }
    }

    /// Pauses for a moment; returns `false` when it is time to sleep instead.
    #[inline]
    pub(crate) fn again(&mut self) -> bool {
        let Some(until) = self.until else { return self.look_away() };
        self.rounds += 1;
        if self.rounds % Self::ROUNDS_BY_THE_CLOCK == 0 && Instant::now() >= until {
            return false;
        }
        core::hint::spin_loop();
        true
    }

    /// The first pause.
    fn look_away(&mut self) -> bool {
        if !IN_PARALLEL.load(Ordering::Relaxed) {
            return false;
        }
        self.until = Some(Instant::after(Self::LONGEST));
        let back = Instant::after(Self::AWAY);
        while Instant::now() < back {
            core::hint::spin_loop();
        }
        true
    }

    /// Asks the system how many processors this process may use: that can change over a fork.
    pub(crate) fn count_processors() {
        IN_PARALLEL.store(has_several_processors(), Ordering::Relaxed);
    }
}

/// Nothing happens at a crash point, but in tests.
#[inline(always)]
pub(crate) fn reached(point: CrashPoint) {
    #[cfg(all(test, not(asan)))]
    crate::sync::tests::reached(point);
    let _ = point;
}
