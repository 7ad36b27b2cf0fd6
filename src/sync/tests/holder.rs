//! A process that has a lock until it is told to go on: the beginning of many stories.

use core::mem;

use super::child::Child;
use super::gate::Gate;
use super::patience::{LONGEST_JAM, comes_true};
use super::stage::Stage;
use crate::sync::lock_error::LockError;

/// A stage for a holder and those who come after.
pub(super) type House = Stage<u32, Signs>;

/// By what they tell each other where they are.
#[derive(Default)]
pub(super) struct Signs {
    /// How many have come to the point that counts.
    pub(super) ready: Gate,
    /// How often they may go on.
    pub(super) go: Gate,
    /// How often the one who waits for the lock went to sleep.
    pub(super) asleep: Gate,
}

impl House {
    pub(super) fn of_capacity(capacity: u32) -> Self {
        Self::new(capacity, Signs::default())
    }

    /// Forks a process that takes the lock, waits until it may go on, and does `next` without ever
    /// unlocking. Returns when it has the lock.
    pub(super) fn holder(&mut self, next: impl FnOnce(&Signs)) -> Child {
        self.fork_until_ready(|house| {
            mem::forget(house.mutex().lock().expect("nobody has it"));
            house.board().ready.step();
            house.board().go.wait_for(1);
            next(house.board());
        })
    }

    /// Forks a process that does `body`. Returns when that says that it is ready.
    pub(super) fn fork_until_ready(&mut self, body: impl FnOnce(&mut Self)) -> Child {
        let ready = &self.board().ready;
        let before = ready.number();
        let mut child = self.fork(body);
        assert!(comes_true(|| ready.number() > before || child.has_ended()));
        assert!(ready.number() > before, "it has failed");
        child
    }

    /// Takes the lock, repairs what it finds, and gives it back. Returns what was said.
    pub(super) fn ask(&self) -> Answer {
        match self.mutex().lock_timeout(LONGEST_JAM) {
            Ok(_guard) => Answer::Granted,
            Err(LockError::OwnerDied(died)) => {
                drop(died.replace(0));
                Answer::OwnerDied
            }
            Err(error) => Answer::of(&error),
        }
    }

    /// Asks for the lock without waiting, and gives it back as it is. Returns what was said.
    pub(super) fn try_it(&self) -> Answer {
        match self.mutex().try_lock() {
            Ok(_guard) => Answer::Granted,
            Err(error) => Answer::of(&error),
        }
    }
}

/// What a lock says to one who asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Granted,
    Panicked,
    OwnerDied,
    Held,
    Relock,
    NotJoined,
}

impl Answer {
    fn of(error: &LockError<'_, u32>) -> Self {
        match error {
            LockError::Panicked(_) => Self::Panicked,
            LockError::OwnerDied(_) => Self::OwnerDied,
            LockError::Held => Self::Held,
            LockError::Relock => Self::Relock,
            LockError::NotJoined(_) => Self::NotJoined,
        }
    }
}
