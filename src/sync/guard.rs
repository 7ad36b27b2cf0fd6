//! `ShmMutexGuard`: the right to use what a lock protects.
#![expect(unsafe_code, reason = "hands out references to what the lock protects")]

use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use std::thread;

use super::membership::Member;
use super::mutex::ShmMutex;
use super::raw::Damage;

/// The right to use the data of a [`ShmMutex`], until it is dropped.
///
/// If a panic unwinds through it, the next one to lock gets [`LockError::Panicked`]; but not if the
/// thread was unwinding already when it took the lock.
///
/// [`LockError::Panicked`]: crate::LockError::Panicked
#[must_use = "the lock is released as soon as the guard is dropped"]
pub struct ShmMutexGuard<'a, T> {
    mutex: &'a ShmMutex<T>,
    member: Member,
    /// Whether the thread was unwinding already when it took the lock.
    panicking: bool,
    /// The lock knows its owner's thread, to refuse it a second guard.
    bound_to_its_thread: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared references to the data only.
unsafe impl<T: Sync> Sync for ShmMutexGuard<'_, T> {}

impl<'a, T> ShmMutexGuard<'a, T> {
    /// Makes the guard of a lock that was just taken.
    ///
    /// # Safety
    ///
    /// This thread, as `member`, has taken the lock, and this is the only guard made of that.
    #[inline]
    pub(super) unsafe fn new(mutex: &'a ShmMutex<T>, member: Member) -> Self {
        Self { mutex, member, panicking: thread::panicking(), bound_to_its_thread: PhantomData }
    }

    /// Declares the data whole: those who lock it next get it without an error.
    ///
    /// An associated function, lest it hide a method of the data.
    pub fn clear_poison(guard: &mut Self) {
        guard.mutex.raw.set_damage(Damage::None);
    }

    /// Replaces the data, whatever it is, without dropping it.
    pub(super) fn overwrite(&mut self, value: T) {
        // SAFETY: the guard holds the lock, so nobody else uses the data.
        unsafe { self.mutex.data.get().write(ManuallyDrop::new(value)) };
    }
}

impl<T> Deref for ShmMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, so nobody changes the data meanwhile.
        unsafe { &*self.mutex.data.get() }
    }
}

impl<T> DerefMut for ShmMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, so nobody else uses the data.
        unsafe { &mut *self.mutex.data.get() }
    }
}

impl<T> Drop for ShmMutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // A child that was forked meanwhile has a copy of the guard, and not the lock.
        if !self.member.is_original() {
            return;
        }
        let raw = &self.mutex.raw;
        if !self.panicking && thread::panicking() && raw.damage() == Damage::None {
            raw.set_damage(Damage::Panicked);
        }
        raw.unlock(self.member.word);
    }
}

impl<T: fmt::Debug> fmt::Debug for ShmMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for ShmMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
