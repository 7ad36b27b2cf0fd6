//! The points at which tests let a process die: each lies behind a step that others can see.
//!
//! They mean something in tests and models only. One list drives both, so that what a model says about a
//! death is also tried on real processes.
#![forbid(unsafe_code)]

/// Marks a point of [`CrashPoint`]; nothing at all, but in tests and models.
macro_rules! crash_point {
    ($point:ident) => {
        $crate::sync::primitives::reached($crate::sync::crash_point::CrashPoint::$point)
    };
}
pub(crate) use crash_point;

/// A point at which a process may die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum CrashPoint {
    /// The lock is taken, and nothing else has been said.
    Locked,
    /// The WAITERS bit of the lock is set.
    WaitersSet,
    /// The semaphore says that somebody sleeps, and nobody does yet.
    AboutToSleep,
    /// The sleeper was woken, and has not taken the signal.
    SleeperWoken,
    /// The signal is taken, and the lock is not.
    SignalTaken,
    /// The lock is taken from a dead owner, and not yet marked as such.
    Stolen,
    /// The lock of a dead owner is marked.
    MarkedAsDied,
    /// The lock is about to be released.
    Releasing,
    /// The lock is released, and the waiters have no signal yet.
    Released,
    /// The signal is there, and nobody was woken for it.
    Signalled,
    /// The unlocker is done.
    Unlocked,
    /// A slot is staked out, and its generation is the one before.
    SlotStaked,
    /// The slot's generation is the new one, and its process not yet to be seen.
    GenerationRaised,
    /// The slot is its process's.
    Joined,
    /// The sleepers at a dead process's word are about to be called.
    DeathAnnounced,
}

impl CrashPoint {
    /// All of them.
    #[cfg(all(test, not(asan)))]
    pub(crate) const ALL: [Self; 15] = [
        Self::Locked,
        Self::WaitersSet,
        Self::AboutToSleep,
        Self::SleeperWoken,
        Self::SignalTaken,
        Self::Stolen,
        Self::MarkedAsDied,
        Self::Releasing,
        Self::Released,
        Self::Signalled,
        Self::Unlocked,
        Self::SlotStaked,
        Self::GenerationRaised,
        Self::Joined,
        Self::DeathAnnounced,
    ];
}
