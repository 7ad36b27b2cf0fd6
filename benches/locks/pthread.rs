//! The mutex of the C library, as processes share it, around a number.
#![expect(unsafe_code, reason = "calls the C library")]

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};

use super::shared::Shared;

/// A lock that is robust or not: if it is, it outlives its owner.
#[derive(Debug)]
pub(crate) struct Pthread<const ROBUST: bool> {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    number: UnsafeCell<u64>,
}

// SAFETY: the number is reached by the owner of the mutex only, which is made for several threads.
unsafe impl<const ROBUST: bool> Sync for Pthread<ROBUST> {}

impl<const ROBUST: bool> Pthread<ROBUST> {
    /// Makes one where it is going to stay.
    pub(crate) fn shared() -> Shared<Self> {
        let mutex = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
        let lock = Shared::new(Self { mutex, number: UnsafeCell::new(0) });
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: there is room for what is written.
        done(unsafe { libc::pthread_mutexattr_init(attributes) });
        let shared = libc::PTHREAD_PROCESS_SHARED;
        // SAFETY: initialised above.
        done(unsafe { libc::pthread_mutexattr_setpshared(attributes, shared) });
        if ROBUST {
            // SAFETY: initialised above.
            done(unsafe {
                libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST)
            });
        }
        // SAFETY: nobody else knows of the mutex yet, and the attributes were initialised above.
        done(unsafe { libc::pthread_mutex_init(lock.mutex.get(), attributes) });
        lock
    }

    /// Takes the lock, and tells whether its last owner has died with it.
    #[inline]
    pub(crate) fn take(&self) -> (PthreadGuard<'_, ROBUST>, bool) {
        // SAFETY: `shared` has initialised it, and it has not moved.
        let result = unsafe { libc::pthread_mutex_lock(self.mutex.get()) };
        let guard = PthreadGuard { lock: self, bound_to_its_thread: PhantomData };
        let died = ROBUST && result != 0;
        if died {
            self.declare_whole(result);
        }
        (guard, died)
    }

    #[cold]
    fn declare_whole(&self, result: libc::c_int) {
        assert_eq!(result, libc::EOWNERDEAD);
        // SAFETY: this thread has taken the lock of a dead owner.
        done(unsafe { libc::pthread_mutex_consistent(self.mutex.get()) });
    }
}

/// The right to use the number, until it is dropped.
#[derive(Debug)]
pub(crate) struct PthreadGuard<'a, const ROBUST: bool> {
    lock: &'a Pthread<ROBUST>,
    bound_to_its_thread: PhantomData<*const ()>,
}

impl<const ROBUST: bool> Deref for PthreadGuard<'_, ROBUST> {
    type Target = u64;

    #[inline]
    fn deref(&self) -> &u64 {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.lock.number.get() }
    }
}

impl<const ROBUST: bool> DerefMut for PthreadGuard<'_, ROBUST> {
    #[inline]
    fn deref_mut(&mut self) -> &mut u64 {
        // SAFETY: the guard holds the lock.
        unsafe { &mut *self.lock.number.get() }
    }
}

impl<const ROBUST: bool> Drop for PthreadGuard<'_, ROBUST> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock, on this thread.
        unsafe { libc::pthread_mutex_unlock(self.lock.mutex.get()) };
    }
}

fn done(result: libc::c_int) {
    assert_eq!(result, 0, "the C library refused");
}
