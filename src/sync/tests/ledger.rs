//! What the lock of a test protects: numbers that fit together unless two processes write at once.
#![expect(unsafe_code, reason = "vouches for a type of atomics")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::kill_safe::KillSafe;

/// Two accounts with a stamp of who is at work, and a sum over them. Of atomics, so that each store
/// is made, and made in this order, as those of a program may be.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Who is at work; 0 for nobody.
    stamp: AtomicU64,
    left: AtomicU64,
    right: AtomicU64,
    sum: AtomicU64,
}

// SAFETY: a struct of atomics.
unsafe impl KillSafe for Ledger {}

impl Ledger {
    /// Whether nobody is at work, and the last one came to an end.
    pub(super) fn is_whole(&self) -> bool {
        let [stamp, left, right, sum] = self.numbers();
        stamp == 0 && left == right && sum == sum_of(left, right)
    }

    /// Adds one to both accounts, with work of `rounds` rounds in between. Returns whether it was
    /// alone all the while.
    pub(super) fn add(&self, who: u64, rounds: u64) -> bool {
        let alone = self.is_whole();
        store(&self.stamp, who);
        let left = load(&self.left) + 1;
        store(&self.left, left);
        for _ in 0..rounds {
            core::hint::spin_loop();
        }
        let right = load(&self.right) + 1;
        store(&self.right, right);
        store(&self.sum, sum_of(left, right));
        let alone = alone && self.numbers() == [who, left, left, sum_of(left, left)];
        store(&self.stamp, 0);
        alone
    }

    /// Makes it whole again, whatever it was.
    pub(super) fn repair(&self) {
        let left = load(&self.left);
        store(&self.right, left);
        store(&self.sum, sum_of(left, left));
        store(&self.stamp, 0);
    }

    /// Returns whether it stays as it is for a while.
    pub(super) fn is_still(&self, time: Duration) -> bool {
        let before = self.numbers();
        let begun = Instant::now();
        while begun.elapsed() < time {
            if self.numbers() != before {
                return false;
            }
        }
        true
    }

    fn numbers(&self) -> [u64; 4] {
        [load(&self.stamp), load(&self.left), load(&self.right), load(&self.sum)]
    }
}

fn sum_of(left: u64, right: u64) -> u64 {
    left.rotate_left(32) ^ right ^ 0x5EED
}

fn load(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

fn store(number: &AtomicU64, value: u64) {
    number.store(value, Ordering::Relaxed);
}
