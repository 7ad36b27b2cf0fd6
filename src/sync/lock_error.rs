//! `LockError`: why a lock was not taken, or what is wrong with the data behind it.
#![expect(unsafe_code, reason = "declares the way to data that may be torn unsafe")]

use core::error::Error;
use core::fmt;

use super::guard::ShmMutexGuard;
use super::join_error::JoinError;
use super::kill_safe::KillSafe;

/// Why [`ShmMutex::lock`](crate::ShmMutex::lock) and its kin give no guard.
///
/// The first two hold the lock: it is released when the error is dropped, and the data stays as it is
/// for the next one.
#[non_exhaustive]
pub enum LockError<'a, T> {
    /// The lock is taken, but a panic has unwound through an earlier guard.
    Panicked(Panicked<'a, T>),
    /// The lock is taken, but an earlier owner was killed while it held the lock.
    OwnerDied(OwnerDied<'a, T>),
    /// It is held, by another process or thread until the time was up; or, when it was only tried, by anybody. Or its
    /// owner is dead, and until the time was up somebody was in the middle of changing a heap, which is to be in order
    /// before anybody has the lock: then that is left for the next one.
    Held,
    /// It is held by the very thread that asks for it, which would wait for itself for ever.
    Relock,
    /// This process is no participant, and could not become one: of the heap in which the lock lies; or of another
    /// that it has attached, in which a dead owner of the lock was in the middle of an operation. Then the lock is
    /// left for the next one.
    NotJoined(JoinError),
}

impl<'a, T> LockError<'a, T> {
    /// Repairs the data, be it after a kill or after a panic: [`OwnerDied::recover`] and
    /// [`Panicked::recover`].
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmMutex};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let sums = heap.root_or_insert_with("sums", || ShmMutex::new([0_u64; 2]))?;
    /// // The second is twice the first, whoever was killed in between.
    /// let mut sums = sums.lock().or_else(|error| error.recover(|sums| sums[1] = 2 * sums[0]))?;
    /// sums[0] += 1;
    /// sums[1] += 2;
    /// assert_eq!(*sums, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The lock is not taken: it is this error, which borrows nothing.
    pub fn recover(
        self,
        repair: impl FnOnce(&mut T),
    ) -> Result<ShmMutexGuard<'a, T>, LockError<'static, T>>
    where
        T: KillSafe + 'static,
    {
        match self {
            Self::Panicked(panicked) => Ok(panicked.recover(repair)),
            Self::OwnerDied(died) => Ok(died.recover(repair)),
            Self::Held => Err(LockError::Held),
            Self::Relock => Err(LockError::Relock),
            Self::NotJoined(error) => Err(LockError::NotJoined(error)),
        }
    }

    /// Puts a value in the place of the data, which after a kill is forgotten, as by [`OwnerDied::replace`], and
    /// after a panic is dropped.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmMutex, ShmSafe, ShmVec};
    ///
    /// #[derive(ShmSafe)]
    /// #[repr(C)]
    /// struct Table { routes: ShmMutex<ShmVec<u64>>, hits: ShmMutex<u64> }
    ///
    /// fn add(heap: &SharedHeap, route: u64) -> Result<usize, Box<dyn std::error::Error>> {
    ///     let none = || ShmVec::new_in(heap);
    ///     let make = || Table { routes: ShmMutex::new(none()), hits: ShmMutex::new(0) };
    ///     let table = heap.root_or_insert_with("table", make)?;
    ///     let mut routes = table.routes.lock().or_else(|error| error.replace_with(none))?;
    ///     routes.push(route)?;
    ///     Ok(routes.len())
    /// }
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// assert_eq!((add(&heap, 7)?, add(&heap, 8)?), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The lock is not taken: it is this error, which borrows nothing.
    pub fn replace_with(
        self,
        make: impl FnOnce() -> T,
    ) -> Result<ShmMutexGuard<'a, T>, LockError<'static, T>>
    where
        T: 'static,
    {
        match self {
            Self::Panicked(panicked) => Ok(panicked.recover(|data| *data = make())),
            Self::OwnerDied(died) => Ok(died.replace(make())),
            Self::Held => Err(LockError::Held),
            Self::Relock => Err(LockError::Relock),
            Self::NotJoined(error) => Err(LockError::NotJoined(error)),
        }
    }
}

/// A lock that is taken, whose data a panic may have left half changed, though valid.
#[must_use = "the lock is released as soon as this is dropped"]
pub struct Panicked<'a, T> {
    guard: ShmMutexGuard<'a, T>,
}

impl<'a, T> Panicked<'a, T> {
    pub(super) fn new(guard: ShmMutexGuard<'a, T>) -> Self {
        Self { guard }
    }

    /// Takes the data as it is. Others are warned of it as before, unless
    /// [`ShmMutexGuard::clear_poison`] is called.
    pub fn into_guard(self) -> ShmMutexGuard<'a, T> {
        self.guard
    }

    /// Repairs the data: when `repair` has returned, others are no longer warned of it. If it panics
    /// or its process dies, they are.
    pub fn recover(mut self, repair: impl FnOnce(&mut T)) -> ShmMutexGuard<'a, T> {
        repair(&mut self.guard);
        ShmMutexGuard::clear_poison(&mut self.guard);
        self.guard
    }
}

/// A lock that is taken, whose owner was killed and may have left the data torn: a vector that is killed
/// within `remove` holds an element twice.
///
/// Looking at such data, or dropping it, is undefined behaviour. Safe code may [`replace`] it, and if
/// its type is [`KillSafe`], so that no state can be torn, [`recover`] it. If neither is done, the next
/// one to lock gets the same error.
///
/// [`replace`]: OwnerDied::replace
/// [`recover`]: OwnerDied::recover
#[must_use = "the lock is released as soon as this is dropped"]
pub struct OwnerDied<'a, T> {
    guard: ShmMutexGuard<'a, T>,
}

impl<'a, T> OwnerDied<'a, T> {
    pub(super) fn new(guard: ShmMutexGuard<'a, T>) -> Self {
        Self { guard }
    }

    /// Puts `value` in the place of the data, which is forgotten and not dropped.
    pub fn replace(mut self, value: T) -> ShmMutexGuard<'a, T> {
        self.guard.overwrite(value);
        ShmMutexGuard::clear_poison(&mut self.guard);
        self.guard
    }

    /// Repairs the data, every state of which is valid: when `repair` has returned, others get it
    /// without an error. If it panics or its process dies, they get this one again.
    pub fn recover(mut self, repair: impl FnOnce(&mut T)) -> ShmMutexGuard<'a, T>
    where
        T: KillSafe,
    {
        repair(&mut self.guard);
        ShmMutexGuard::clear_poison(&mut self.guard);
        self.guard
    }

    /// Takes the data as it is. Others get this error as before, unless
    /// [`ShmMutexGuard::clear_poison`] is called.
    ///
    /// # Safety
    ///
    /// Whatever two stores of an earlier owner it was killed between, the data is a valid `T` for
    /// all that the caller does with the guard.
    pub unsafe fn into_guard(self) -> ShmMutexGuard<'a, T> {
        self.guard
    }
}

impl<T> From<JoinError> for LockError<'_, T> {
    fn from(error: JoinError) -> Self {
        LockError::NotJoined(error)
    }
}

impl<T> fmt::Debug for LockError<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(_) => f.write_str("Panicked(..)"),
            Self::OwnerDied(_) => f.write_str("OwnerDied(..)"),
            Self::Held => f.write_str("Held"),
            Self::Relock => f.write_str("Relock"),
            Self::NotJoined(error) => f.debug_tuple("NotJoined").field(error).finish(),
        }
    }
}

impl<T> fmt::Display for LockError<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(_) => f.write_str("a panic has unwound through an earlier guard"),
            Self::OwnerDied(_) => f.write_str("an earlier owner was killed holding the lock"),
            Self::Held => f.write_str("the lock is held"),
            Self::Relock => f.write_str("this thread holds the lock already"),
            Self::NotJoined(error) => error.fmt(f),
        }
    }
}

impl<T> Error for LockError<'_, T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotJoined(error) => error.source(),
            _ => None,
        }
    }
}

impl<T> fmt::Debug for Panicked<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panicked").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for OwnerDied<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnerDied").finish_non_exhaustive()
    }
}
