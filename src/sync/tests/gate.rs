//! A number in shared memory that only grows, and for which processes wait.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::sys::futex::{self, Expected};

/// What the processes of a test tell each other by. They do not lean on what is under test.
#[repr(transparent)]
#[derive(Debug, Default)]
pub(super) struct Gate(AtomicU32);

impl Gate {
    /// Raises the number to `number`, and wakes those who wait for it.
    pub(super) fn open(&self, number: u32) {
        self.0.fetch_max(number, Ordering::SeqCst);
        futex::wake(&self.0, i32::MAX);
    }

    /// Raises the number by one.
    pub(super) fn step(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        futex::wake(&self.0, i32::MAX);
    }

    /// Waits, as long as that takes, until the number is at least `number`: for children, which end
    /// with their test.
    pub(super) fn wait_for(&self, number: u32) {
        loop {
            let value = self.number();
            if value >= number {
                return;
            }
            futex::wait(Expected { word: &self.0, value }, None);
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    /// The number as an atomic, for [`super::deed::count`].
    pub(super) fn counter(&self) -> &AtomicU32 {
        &self.0
    }
}
