//! `ShmMutex`: data behind a lock that processes share.
#![expect(unsafe_code, reason = "shares data among threads, and drops it")]

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr;
use core::time::Duration;

use super::attachment::{Attachment, Unsettled};
use super::guard::ShmMutexGuard;
use super::join_error::JoinError;
use super::lock_error::{LockError, OwnerDied, Panicked};
use super::lock_owner::LockOwner;
use super::membership::{self, Member};
use super::owner::Owner;
use super::participants::Participants;
use super::primitives::Instant;
use super::raw::{Applicant, Damage, RawLock, Refusal, Taken};

/// A mutual exclusion lock that processes share, around the data that it protects.
///
/// Whoever waits for it first spins for some microseconds and then sleeps. It is not fair: who comes at
/// the right moment gets it before those who sleep.
///
/// # When a process dies
///
/// Any process may be killed at any instruction. If it held the lock, the next one gets it, usually
/// within a millisecond and with no help of a third process, as [`LockError::OwnerDied`]. If it
/// waited, nobody notices. The data of a lock whose owner was killed may be torn inside: see
/// [`OwnerDied`] for what can be done with it. A process that is stopped is not dead; its lock stays held.
///
/// After a `fork` the child is a process of its own. A guard that it has a copy of does nothing when it
/// is dropped there, and must not be used for anything else: the parent has the lock.
///
/// ```
/// use aquifer::{Backing, LockError, SharedHeap, ShmMutex};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let hits = ShmMutex::new_in(0_u64, &heap)?;
/// let mut guard = match hits.lock() {
///     Ok(guard) => guard,
///     // Any integer is a valid one, so it can be looked at and put right.
///     Err(LockError::OwnerDied(dead)) => dead.recover(|hits| *hits = 0),
///     Err(error) => panic!("{error}"),
/// };
/// *guard += 1;
/// assert_eq!(*guard, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is not to be taken in a signal handler, which could wait for the very thread that it interrupts.
///
/// A process that dumps core is dead when the dump is written, and not before.
///
/// One thing outlasts a process: a system call that was copying into the data when its process was
/// killed, such as `read(2)` into a buffer inside, may copy for some microseconds more. Read
/// into private memory instead.
///
/// ```text
///  0           16 (or as T is aligned)
/// ┌───────────┬──────┐
/// │ raw lock  │ data │
/// └───────────┴──────┘
/// ```
#[repr(C)]
#[doc(alias = "ngx_shmtx_t")]
pub struct ShmMutex<T> {
    pub(super) raw: RawLock,
    /// Not dropped by itself: it may be torn.
    pub(super) data: UnsafeCell<ManuallyDrop<T>>,
}

// SAFETY: the lock hands the data to one thread at a time, and `T` may go from thread to thread.
unsafe impl<T: Send> Sync for ShmMutex<T> {}

impl<T> UnwindSafe for ShmMutex<T> {}
impl<T> RefUnwindSafe for ShmMutex<T> {}

impl<T: Send> ShmMutex<T> {
    /// Makes a free lock. It can be taken where it lies in memory that participants share, and nowhere
    /// else: whose the lock is depends on where it is. So do not move one whose guard was forgotten: to
    /// those who share its new place it may seem to be held for as long as one of them lives.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self { raw: RawLock::new(), data: UnsafeCell::new(ManuallyDrop::new(value)) }
    }
}

impl<T> ShmMutex<T> {
    /// Takes the lock, and waits for it as long as that takes.
    ///
    /// # Errors
    ///
    /// * [`LockError::Panicked`] and [`LockError::OwnerDied`] have taken it, too, and hold it.
    /// * [`LockError::Relock`] if this thread holds it already.
    /// * [`LockError::NotJoined`] if this process cannot be a participant, or a dead owner's heaps cannot be settled.
    #[inline]
    #[doc(alias = "ngx_shmtx_lock")]
    pub fn lock(&self) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        match self.take_free() {
            Some(member) => self.taken_by(member, || None),
            None => self.wait_until(None),
        }
    }

    /// Takes the lock if it is free, or if its owner is dead.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if it is held, be it by this thread; or if its owner is dead, and others are for longer
    /// than a millisecond in the middle of changing heaps, which are to be in order before anybody has
    /// the lock. And those of [`ShmMutex::lock`] but [`LockError::Relock`].
    #[inline]
    #[doc(alias = "ngx_shmtx_trylock")]
    pub fn try_lock(&self) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        match self.take_free() {
            Some(member) => self.taken_by(member, soon),
            None => self.try_slowly(),
        }
    }

    /// Takes the lock, and waits for it for `timeout` at most, by the monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of [`ShmMutex::lock`], and [`LockError::Held`] when the time is up.
    #[inline]
    pub fn lock_timeout(
        &self,
        timeout: Duration,
    ) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        match self.take_free() {
            Some(member) => self.taken_by(member, || Some(Instant::after(timeout))),
            None => self.wait_until(Some(Instant::after(timeout))),
        }
    }

    /// Returns whether somebody holds the lock, or died holding it. That may be over by the time
    /// this function returns.
    pub fn is_locked(&self) -> bool {
        self.raw.owner().is_some()
    }

    /// Returns who holds the lock, or held it when it died, if its slot was not let again: for people
    /// who look for the cause of a delay. It may be over by the time this function returns.
    pub fn owner(&self) -> Option<LockOwner> {
        let owner = self.raw.owner()?;
        let participants = self.attachment()?.table;
        let process = participants.process(owner)?;
        Some(LockOwner::new(process, participants.is_alive(owner)))
    }

    /// The way of a lock that is free.
    #[inline]
    fn take_free(&self) -> Option<Member> {
        let member = membership::member(self.address())?;
        self.raw.take_free(member.word).then_some(member)
    }

    #[cold]
    fn wait_until(
        &self,
        deadline: Option<Instant>,
    ) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        self.ask(|applicant| self.raw.lock(applicant, deadline), || deadline)
    }

    #[cold]
    fn try_slowly(&self) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        self.ask(|applicant| self.raw.try_lock(applicant), soon)
    }

    /// Asks for the lock as a participant, which the process becomes if it is none yet.
    fn ask(
        &self,
        lock: impl FnOnce(Applicant<'_>) -> Result<Taken, Refusal>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        let attachment = self.attachment().ok_or(JoinError::NotAttached)?;
        let member = membership::identify(attachment)?;
        let participants = attachment.table;
        match lock(Applicant { word: member.word, participants }) {
            Ok(taken) => {
                // The guard comes first: a log is the program's, and may panic.
                let guarded = self.taken_by(member, deadline);
                if let Taken::FromTheDead(owner) = taken {
                    report_death(owner, participants);
                }
                guarded
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Where the lock lies: that tells whose it can be.
    #[inline]
    fn address(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    fn attachment(&self) -> Option<&'static Attachment> {
        Attachment::around(self.address())
    }

    /// Makes a guard for the owner of the lock. If an earlier one has died, heaps are settled first, until a
    /// deadline.
    #[inline]
    fn taken_by(
        &self,
        member: Member,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Result<ShmMutexGuard<'_, T>, LockError<'_, T>> {
        // SAFETY: the callers have just taken the lock, as this member.
        let guard = unsafe { ShmMutexGuard::new(self, member) };
        match self.raw.damage() {
            Damage::None => Ok(guard),
            damage => Err(damaged(guard, damage, deadline)),
        }
    }
}

/// When who only tries gives up those who are just changing a heap.
fn soon() -> Option<Instant> {
    const MOMENT: Duration = Duration::from_millis(1);
    Some(Instant::after(MOMENT))
}

#[cold]
fn damaged<T>(
    guard: ShmMutexGuard<'_, T>,
    damage: Damage,
    deadline: impl FnOnce() -> Option<Instant>,
) -> LockError<'_, T> {
    if damage == Damage::Panicked {
        return LockError::Panicked(Panicked::new(guard));
    }
    // What the dead owner was about in a heap decides what the data is that this lock protects.
    match Attachment::settle_all(deadline()) {
        Ok(()) => LockError::OwnerDied(OwnerDied::new(guard)),
        // The guard gives the lock back, as the dead one has left it.
        Err(Unsettled::NotJoined(error)) => LockError::NotJoined(error),
        Err(Unsettled::Busy) => LockError::Held,
    }
}

/// Tells the log, if there is one, of a dead owner that was found.
fn report_death(owner: Owner, participants: Participants<'_>) {
    #[cfg(feature = "log")]
    log::warn!(
        target: "aquifer",
        "found the owner of a lock dead: {owner:?}, {:?}",
        participants.process(owner)
    );
    let _ = (owner, participants);
}

impl<T> From<Refusal> for LockError<'_, T> {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Held => LockError::Held,
            Refusal::Relock => LockError::Relock,
        }
    }
}

impl<T> Drop for ShmMutex<T> {
    /// Drops the data, unless its last owner was killed or has never given it back.
    fn drop(&mut self) {
        if mem::needs_drop::<T>()
            && self.raw.owner().is_none()
            && self.raw.damage() != Damage::OwnerDied
        {
            // SAFETY: it is dropped here only, and it is whole: the last owner has released it.
            unsafe { ManuallyDrop::drop(self.data.get_mut()) };
        }
    }
}

impl<T: Send + Default> Default for ShmMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send> From<T> for ShmMutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> fmt::Debug for ShmMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShmMutex")
            .field("owner", &self.raw.owner())
            .field("damage", &self.raw.damage())
            .finish_non_exhaustive()
    }
}
