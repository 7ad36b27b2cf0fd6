//! Locks in a heap.
#![forbid(unsafe_code)]

use core::time::Duration;

use super::boxed::ShmBox;
use crate::error::InsertError;
use crate::shared::access::root::Root;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::guard::ShmMutexGuard;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;

impl<T: ShmSafe> ShmMutex<T> {
    /// Makes a free lock in a heap.
    ///
    /// # Errors
    ///
    /// There is no room for it: the error gives the value back, in a lock that lies nowhere yet.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmMutex};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let hits = ShmMutex::new_in(0_u64, &heap)?;
    /// *hits.lock().unwrap() += 1;
    /// assert_eq!(*hits.lock().unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "ngx_shmtx_create")]
    pub fn new_in(value: T, heap: &SharedHeap) -> Result<ShmBox<Self>, InsertError<Self>> {
        ShmBox::new_in(Self::new(value), heap)
    }
}

/// A lock that was found by its name stays for as long as this process does: so does what comes of it.
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmMutex};
///
/// fn hit(heap: &SharedHeap) -> Result<u64, Box<dyn std::error::Error>> {
///     let mut hits = heap.root_or_insert_with("hits", || ShmMutex::new(0_u64))?.lock()?;
///     *hits += 1;
///     Ok(*hits)
/// }
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// assert_eq!((hit(&heap)?, hit(&heap)?), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<T> Root<ShmMutex<T>> {
    /// As [`ShmMutex::lock`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn lock(self) -> Result<ShmMutexGuard<'static, T>, LockError<'static, T>> {
        Self::leak(self).lock()
    }

    /// As [`ShmMutex::try_lock`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn try_lock(self) -> Result<ShmMutexGuard<'static, T>, LockError<'static, T>> {
        Self::leak(self).try_lock()
    }

    /// As [`ShmMutex::lock_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn lock_timeout(
        self,
        timeout: Duration,
    ) -> Result<ShmMutexGuard<'static, T>, LockError<'static, T>> {
        Self::leak(self).lock_timeout(timeout)
    }
}
