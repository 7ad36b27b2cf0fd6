//! The lock itself: a word, the semaphore its waiters sleep on, and what the last owner left behind.
#![forbid(unsafe_code)]

use super::crash_point::crash_point;
use super::owner::{Owner, Word};
use super::participants::Participants;
use super::primitives::{
    AtomicU32, AtomicU64, Instant, Ordering, Spin, const_constructor, settle_the_dead,
};
use super::semaphore::ShmSemaphore;
use super::trust::Trust;

/// A lock without data, in shared memory. All zero is a free lock.
///
/// ```text
///  0                8            12       16
/// ┌────────────────┬────────────┬────────┐
/// │ word           │ semaphore  │ damage │
/// └────────────────┴────────────┴────────┘
/// ```
///
/// All that must be ordered is ordered by `word` alone: taking it acquires what releasing it, or the
/// death of its owner, has left. `damage` is written by the owner only.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawLock {
    /// See [`Word`] for its states.
    word: AtomicU64,
    waiters: ShmSemaphore,
    /// See [`Damage`].
    damage: AtomicU32,
}

#[cfg(fuzzing)]
impl RawLock {
    /// The bytes of the word, which comes first.
    pub(crate) const WORD_BYTES: usize = size_of::<AtomicU64>();
}

/// What became of the data when somebody who held the lock did not come to an end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Damage {
    /// Nothing.
    None = 0,
    /// A panic has unwound through it.
    Panicked = 1,
    /// Its owner died.
    OwnerDied = 2,
}

/// Who asks for a lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applicant<'a> {
    /// What the lock's word is when this thread holds it and nobody waits.
    pub(crate) word: Word,
    /// The table that tells who is alive.
    pub(crate) participants: Participants<'a>,
}

impl Applicant<'_> {
    /// Whether the owner that a lock's word tells of has died.
    fn knows_as_dead(&self, word: Word) -> bool {
        word.owner().is_some_and(|owner| !self.participants.is_alive(owner))
    }
}

/// From whom a lock was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// From nobody.
    Free,
    /// From an owner who is dead.
    FromTheDead(Owner),
}

/// Why a lock was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It was held all the time there was.
    Held,
    /// It is held by the very thread that asks.
    Relock,
}

impl RawLock {
    const_constructor! {
        /// Makes a free lock.
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU64::new(Word::FREE.bits()),
                waiters: ShmSemaphore::new(0),
                damage: AtomicU32::new(Damage::None as u32),
            }
        }
    }

    /// Takes the lock if it is free; returns whether it did. Its word is `mine` then.
    #[inline]
    pub(crate) fn take_free(&self, mine: Word) -> bool {
        let taken = self.exchange(Word::FREE, mine, Ordering::Acquire);
        if taken {
            crash_point!(Locked);
        }
        taken
    }

    /// Takes the lock if it is free, or its owner is dead.
    ///
    /// # Errors
    ///
    /// [`Refusal::Held`] if it is held.
    pub(crate) fn try_lock(&self, applicant: Applicant<'_>) -> Result<Taken, Refusal> {
        loop {
            let word = self.word();
            if let Some(taken) = self.take(word, Word::FREE, applicant) {
                return Ok(taken);
            }
            let owner = word.owner();
            if owner.is_some_and(|owner| applicant.participants.is_alive(owner)) {
                return Err(Refusal::Held);
            }
        }
    }

    /// Takes the lock, and waits for it until `deadline`: first awake, then asleep.
    ///
    /// # Errors
    ///
    /// [`Refusal::Held`] at the deadline, [`Refusal::Relock`] at once.
    #[cold]
    pub(crate) fn lock(
        &self,
        applicant: Applicant<'_>,
        deadline: Option<Instant>,
    ) -> Result<Taken, Refusal> {
        // It is no old one either: this thread's unlocks come after, and it has made them itself.
        if self.word().has_owner_of(applicant.word) {
            return Err(Refusal::Relock);
        }
        if let Some(taken) = self.spin(applicant) {
            return Ok(taken);
        }
        // Once this waiter has slept it no longer knows of others who do, and keeps the bit for them.
        let mut kept = Word::FREE;
        let mut trust = Trust::new();
        loop {
            let word = self.word();
            let Some(owner) = word.owner() else {
                if let Some(taken) = self.take(word, kept, applicant) {
                    return Ok(taken);
                }
                continue;
            };
            let Some(life) = applicant.participants.watch(owner) else {
                applicant.participants.announce_death(owner);
                if let Some(taken) = self.take(word, kept, applicant) {
                    return Ok(taken);
                }
                continue;
            };
            // Release, and each time, even if the bit is set: who unlocks must know of the signals
            // that this waiter has taken, or it would think that the last one is still to be taken.
            if !self.exchange(word, word.with_waiters(), Ordering::Release) {
                continue;
            }
            crash_point!(WaitersSet);
            // Not sooner: a signal that this waiter has had must reach others who wait.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(Refusal::Held);
            }
            self.waiters.sleep_once(life, trust.until(owner, deadline));
            kept = Word::FREE.with_waiters();
        }
    }

    /// Gives the lock back that was taken as `mine`, and calls a waiter if there is one.
    #[inline]
    pub(crate) fn unlock(&self, mine: Word) {
        crash_point!(Releasing);
        if !self.exchange(mine, Word::FREE, Ordering::Release) {
            self.unlock_before_waiters(mine);
        }
        crash_point!(Unlocked);
    }

    #[cold]
    fn unlock_before_waiters(&self, mine: Word) {
        // Nobody but the owner takes the bit away again, and nobody takes a living owner's lock.
        // Acquire, too: see where a waiter sets the bit.
        if self.exchange(mine.with_waiters(), Word::FREE, Ordering::AcqRel) {
            crash_point!(Released);
            self.waiters.signal();
        }
    }

    /// What has become of the data; to be asked by the owner.
    #[inline]
    pub(crate) fn damage(&self) -> Damage {
        match self.damage.load(Ordering::Relaxed) {
            0 => Damage::None,
            1 => Damage::Panicked,
            _ => Damage::OwnerDied,
        }
    }

    /// Says what has become of the data; to be said by the owner. It is published by the unlock.
    pub(crate) fn set_damage(&self, damage: Damage) {
        self.damage.store(damage as u32, Ordering::Relaxed);
    }

    /// Whose the lock is.
    pub(crate) fn owner(&self) -> Option<Owner> {
        self.word().owner()
    }

    /// Looks for the lock to become free for as long as sleeping would take, unless others sleep
    /// already: they would wait the longer.
    fn spin(&self, applicant: Applicant<'_>) -> Option<Taken> {
        let mut spin = Spin::new();
        loop {
            let word = self.word();
            if word == Word::FREE {
                let taken = self.take(word, Word::FREE, applicant);
                if taken.is_some() {
                    return taken;
                }
            }
            // The dead do not give it back.
            if word.has_waiters() || !spin.again() || applicant.knows_as_dead(word) {
                return None;
            }
        }
    }

    /// Takes the lock from `word`, which is free or a dead owner's; `None` if it has changed, or if
    /// its owner is alive.
    fn take(&self, word: Word, kept: Word, applicant: Applicant<'_>) -> Option<Taken> {
        let mine = applicant.word.with_waiters_of(word).with_waiters_of(kept);
        match word.owner() {
            None => {
                if !self.exchange(word, mine, Ordering::Acquire) {
                    return None;
                }
                crash_point!(Locked);
                Some(Taken::Free)
            }
            Some(owner) => {
                if applicant.participants.is_alive(owner) {
                    return None;
                }
                settle_the_dead();
                // Of several who see the death one gets the lock. What the dead has seen and written
                // was acquired with the sight of its death, so Relaxed is enough here.
                if !self.exchange(word, mine, Ordering::Relaxed) {
                    return None;
                }
                crash_point!(Stolen);
                self.set_damage(Damage::OwnerDied);
                crash_point!(MarkedAsDied);
                Some(Taken::FromTheDead(owner))
            }
        }
    }

    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Relaxed))
    }

    #[inline]
    fn exchange(&self, from: Word, to: Word, success: Ordering) -> bool {
        let (from, to) = (from.bits(), to.bits());
        self.word.compare_exchange(from, to, success, Ordering::Relaxed).is_ok()
    }
}
