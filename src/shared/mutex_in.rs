//! Locks in a heap.
#![forbid(unsafe_code)]

use super::boxed::ShmBox;
use super::heap::SharedHeap;
use super::shm_safe::ShmSafe;
use crate::error::InsertError;
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
