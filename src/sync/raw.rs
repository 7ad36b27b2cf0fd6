//! The lock itself: a word, the semaphore its waiters sleep on, and what the last owner left behind.
#![forbid(unsafe_code)]

use super::crash_point::crash_point;
use super::heap_id::HeapId;
use super::owner::{Owner, Word};
use super::participants::Participants;
use super::primitives::{AtomicU32, AtomicU64, Instant, Ordering, Spin, settle_the_dead};
use super::semaphore::ShmSemaphore;
use super::trust::Trust;

/// A lock without data, in shared memory. All zero is a free lock.
///
/// ```text
///  0        4            8            16       20       24
/// ┌────────┬────────────┬────────────┬────────┬────────┐
/// │ word   │ semaphore  │ holder     │ damage │ heap   │
/// └────────┴────────────┴────────────┴────────┴────────┘
/// ```
///
/// All that must be ordered is ordered by `word` alone: taking it acquires what releasing it, or the
/// death of its owner, has left. `holder` and `damage` are written by the owner only.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RawLock {
    /// See [`Word`] for its states.
    word: AtomicU32,
    waiters: ShmSemaphore,
    /// The thread that holds the lock, see [`holder`]; 0 for none. Nobody but this thread
    /// writes this number, and it takes it away before it unlocks: so who reads its own number
    /// here holds the lock, whatever else it has not yet seen.
    holder: AtomicU64,
    /// See [`Damage`].
    damage: AtomicU32,
    /// Whose table of participants tells who the owner is.
    heap: HeapId,
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
    /// Its process.
    pub(crate) owner: Owner,
    /// The number of its thread in this process.
    pub(crate) thread: u32,
    /// The table that tells who is alive.
    pub(crate) participants: Participants<'a>,
}

/// Returns a number that no other thread of any process has: that of its process, never 0, and its
/// own in there.
#[inline]
const fn holder(owner: Owner, thread: u32) -> u64 {
    ((owner.bits() as u64) << 32) | thread as u64
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
    /// Makes a free lock.
    pub(crate) fn new(heap: HeapId) -> Self {
        Self {
            word: AtomicU32::new(Word::FREE.bits()),
            waiters: ShmSemaphore::new(0),
            holder: AtomicU64::new(0),
            damage: AtomicU32::new(Damage::None as u32),
            heap,
        }
    }

    /// Takes the lock if it is free; returns whether it did.
    #[inline]
    pub(crate) fn take_free(&self, owner: Owner, thread: u32) -> bool {
        let taken = self.exchange(Word::FREE, Word::held_by(owner), Ordering::Acquire);
        if taken {
            crash_point!(Locked);
            self.holder.store(holder(owner, thread), Ordering::Relaxed);
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
        if self.holder.load(Ordering::Relaxed) == holder(applicant.owner, applicant.thread) {
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

    /// Gives the lock of `owner` back, and calls a waiter if there is one.
    #[inline]
    pub(crate) fn unlock(&self, owner: Owner) {
        crash_point!(Releasing);
        // Before the word: afterwards it is the next owner's to write.
        self.holder.store(0, Ordering::Relaxed);
        if !self.exchange(Word::held_by(owner), Word::FREE, Ordering::Release) {
            self.unlock_before_waiters(owner);
        }
        crash_point!(Unlocked);
    }

    #[cold]
    fn unlock_before_waiters(&self, owner: Owner) {
        // Nobody but the owner takes the bit away again, and nobody takes a living owner's lock.
        // Acquire, too: see where a waiter sets the bit.
        let asked = Word::held_by(owner).with_waiters();
        if self.exchange(asked, Word::FREE, Ordering::AcqRel) {
            crash_point!(Released);
            self.waiters.signal();
        }
    }

    /// The heap whose participants share it.
    #[inline]
    pub(crate) fn heap(&self) -> HeapId {
        self.heap
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
            if word.has_waiters() || !spin.again() {
                return None;
            }
        }
    }

    /// Takes the lock from `word`, which is free or a dead owner's; `None` if it has changed, or if
    /// its owner is alive.
    fn take(&self, word: Word, kept: Word, applicant: Applicant<'_>) -> Option<Taken> {
        let mine = Word::held_by(applicant.owner).with_waiters_of(word).with_waiters_of(kept);
        let taken = match word.owner() {
            None => {
                if !self.exchange(word, mine, Ordering::Acquire) {
                    return None;
                }
                crash_point!(Locked);
                Taken::Free
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
                Taken::FromTheDead(owner)
            }
        };
        self.holder.store(holder(applicant.owner, applicant.thread), Ordering::Relaxed);
        Some(taken)
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
