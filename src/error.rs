//! The errors that allocation gives.

use core::error::Error;
use core::fmt;

/// Memory could not be had: the request is over a limit, over what a layout may be, or over what
/// the system has left.
///
/// No value has changed by the refused request, and it may be tried again after something was given
/// back. [`PoolStats::limit_hits`](crate::PoolStats::limit_hits) tells a limit that was reached
/// from a system that has no memory left.
///
/// It holds no data, so that a `Result<&mut T, AllocError>` is one machine word.
///
/// ```
/// let pool = aquifer::Pool::builder().limit(0).build();
/// assert_eq!(pool.alloc(7_u64), Err(aquifer::AllocError));
/// assert_eq!(pool.stats().limit_hits, 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory for this request: a limit is reached, a pool or heap is full, or the system has none left")
    }
}

impl Error for AllocError {}

/// An [`AllocError`] that gives back the value for which there was no memory.
///
/// ```
/// let pool = aquifer::Pool::builder().limit(0).build();
/// let refused = pool.alloc_drop(String::from("still here")).unwrap_err();
/// assert_eq!(refused.into_value(), "still here");
/// ```
pub struct InsertError<T> {
    value: T,
}

impl<T> InsertError<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value }
    }

    /// Returns the value that found no place.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for InsertError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for InsertError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AllocError.fmt(f)
    }
}

impl<T> Error for InsertError<T> {}

impl<T> From<InsertError<T>> for AllocError {
    fn from(_: InsertError<T>) -> Self {
        AllocError
    }
}
