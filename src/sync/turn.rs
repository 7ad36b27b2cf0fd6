//! `Turn`: a lock of the threads of one process.
#![forbid(unsafe_code)]

use core::mem::ManuallyDrop;

use super::primitives::{AtomicU32, Expected, Ordering, Spin, const_constructor, futex};

/// A lock without data. All zero is one that nobody has had yet: so a child finds it in memory that a
/// fork wipes, whichever thread of its parent has it.
///
/// The third of the mutexes in Ulrich Drepper's "Futexes Are Tricky", with a spin before the sleep.
#[repr(transparent)]
#[derive(Debug)]
pub(crate) struct Turn {
    /// | value | state |
    /// |---|---|
    /// | [`UNUSED`] | free, and was always |
    /// | [`FREE`] | free |
    /// | [`TAKEN`] | taken, and nobody sleeps |
    /// | [`WANTED`] | taken, and somebody may sleep |
    word: AtomicU32,
}

const UNUSED: u32 = 0;
const FREE: u32 = 1;
const TAKEN: u32 = 2;
const WANTED: u32 = 3;

impl Turn {
    const_constructor! {
        /// Makes a free one.
        pub(crate) fn new() -> Self {
            Self { word: AtomicU32::new(UNUSED) }
        }
    }

    /// Takes it if it is free, and somebody has had it before.
    #[inline]
    pub(crate) fn take_again(&self) -> Option<Taken<'_>> {
        self.exchange(FREE).then(|| Taken { turn: self })
    }

    /// Waits until it is free, and takes it.
    #[cold]
    pub(crate) fn take(&self) -> Taken<'_> {
        let mut spin = Spin::new();
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if matches!(word, UNUSED | FREE) && self.exchange(word) {
                return Taken { turn: self };
            }
            if word == WANTED || !spin.again() {
                break;
            }
        }
        // Who has slept does not know of others who do, and so leaves it wanted.
        while let TAKEN | WANTED = self.word.swap(WANTED, Ordering::Acquire) {
            futex::wait(Expected { word: &self.word, value: WANTED }, None);
        }
        Taken { turn: self }
    }

    /// Returns whether somebody may sleep.
    #[inline]
    fn give_back(&self) -> bool {
        self.word.swap(FREE, Ordering::Release) == WANTED
    }

    #[cold]
    #[inline(never)]
    fn call<T>(&self, value: T) -> T {
        futex::wake(&self.word, 1);
        value
    }

    #[inline]
    fn exchange(&self, free: u32) -> bool {
        self.word.compare_exchange(free, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// A turn that is taken, until this is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    turn: &'a Turn,
}

impl Taken<'_> {
    /// Gives it back, and returns the value. A function that ends so has nothing to keep while
    /// somebody is called.
    #[inline]
    pub(crate) fn end_with<T>(self, value: T) -> T {
        let turn = ManuallyDrop::new(self).turn;
        if turn.give_back() { turn.call(value) } else { value }
    }

    /// Gives it back as one that nobody has had: whoever is next has to ask [`Turn::take`].
    #[cold]
    pub(crate) fn end_as_unused(self) {
        let turn = ManuallyDrop::new(self).turn;
        if turn.word.swap(UNUSED, Ordering::Release) == WANTED {
            turn.call(());
        }
    }
}

impl Drop for Taken<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.turn.give_back() {
            self.turn.call(());
        }
    }
}
