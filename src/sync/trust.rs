//! `Trust`: how long a waiter relies on others to wake it.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::owner::Owner;
use super::primitives::{Instant, heal_after};

/// How long a waiter sleeps before it looks by itself.
///
/// While the owner is the one whose life it watches the kernel will wake it. But meanwhile others may
/// have had the lock, and died: so each new owner is trusted for a short time first.
#[derive(Debug)]
pub(super) struct Trust {
    owner: Option<Owner>,
    pause: Duration,
}

impl Trust {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_millis(32);

    pub(super) fn new() -> Self {
        Self { owner: None, pause: Self::SHORTEST }
    }

    /// When to wake up from the next sleep, under `owner`.
    pub(super) fn until(&mut self, owner: Owner, deadline: Option<Instant>) -> Option<Instant> {
        self.pause = if self.owner == Some(owner) {
            Self::LONGEST.min(self.pause * 2)
        } else {
            Self::SHORTEST
        };
        self.owner = Some(owner);
        sooner(deadline, heal_after(self.pause))
    }
}

/// The earlier of two times, of which either may never come.
pub(super) fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
