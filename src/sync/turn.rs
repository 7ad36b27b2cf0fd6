//! `Turn`: a lock of the threads of one process.
#![forbid(unsafe_code)]

use super::primitives::{AtomicU32, Expected, Ordering, Spin, const_constructor, futex};

/// A lock without data. All zero is a free one: in memory that a fork wipes, a child finds it free,
/// whichever thread of its parent has it.
///
/// The third of the mutexes in Ulrich Drepper's "Futexes Are Tricky", with a spin before the sleep.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Turn {
    /// | value | state |
    /// |---|---|
    /// | [`FREE`] | free |
    /// | [`TAKEN`] | taken, and nobody sleeps |
    /// | [`WANTED`] | taken, and somebody may sleep |
    word: AtomicU32,
}

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const WANTED: u32 = 2;

impl Turn {
    const_constructor! {
        /// Makes a free one.
        pub(crate) fn new() -> Self {
            Self { word: AtomicU32::new(FREE) }
        }
    }

    /// Waits until it is free, and takes it.
    #[inline]
    pub(crate) fn take(&self) -> Taken<'_> {
        if !self.take_free() {
            self.take_slowly();
        }
        Taken { turn: self }
    }

    #[inline]
    fn take_free(&self) -> bool {
        self.word.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    fn take_slowly(&self) {
        let mut spin = Spin::new();
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if word == FREE && self.take_free() {
                return;
            }
            if word == WANTED || !spin.again() {
                break;
            }
        }
        // Who has slept does not know of others who do, and so leaves it wanted.
        while self.word.swap(WANTED, Ordering::Acquire) != FREE {
            futex::wait(Expected { word: &self.word, value: WANTED }, None);
        }
    }
}

/// A turn that is taken, until this is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    turn: &'a Turn,
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.turn.word.swap(FREE, Ordering::Release) == WANTED {
            futex::wake(&self.turn.word, 1);
        }
    }
}
