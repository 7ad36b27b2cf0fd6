//! How far a process has come with an operation, for another one that looks on.

use core::sync::atomic::{AtomicU32, Ordering};

/// A part of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Phase {
    /// It has not begun.
    Ahead,
    /// It is under way.
    Acting,
    /// The owner says that he has what was handed out, if anything was.
    Finishing,
    /// It has ended.
    Over,
}

/// The phase of a process. All zero is [`Phase::Ahead`].
#[repr(transparent)]
pub(super) struct Phases(AtomicU32);

impl Phases {
    /// Stores of the operation stay in their phase: those before this one, since it is a release;
    /// those after it, since it is an acquisition, too.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.swap(phase as u32, Ordering::AcqRel);
    }

    pub(super) fn now(&self) -> Phase {
        let phases = [Phase::Ahead, Phase::Acting, Phase::Finishing];
        let now = self.0.load(Ordering::Acquire) as usize;
        phases.get(now).copied().unwrap_or(Phase::Over)
    }
}
