//! What a `ShmVec` has in common with the slice of its elements.
#![forbid(unsafe_code)]

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};
use core::slice;
use std::io;

use super::try_clone::TryClone;
use super::vec::ShmVec;
use crate::error::AllocError;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::schema::shm_safe::ShmSafe;

impl<T> Deref for ShmVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T> DerefMut for ShmVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T> AsRef<[T]> for ShmVec<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T> AsMut<[T]> for ShmVec<T> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T> Borrow<[T]> for ShmVec<T> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T> BorrowMut<[T]> for ShmVec<T> {
    fn borrow_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<'a, T> IntoIterator for &'a ShmVec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut ShmVec<T> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T: fmt::Debug> fmt::Debug for ShmVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// Compares vectors with what else lends a slice.
macro_rules! compares {
    ($([$($parameter:tt)*] $one:ty, $other:ty;)*) => {
        $(
            impl<T: PartialEq<U>, U, $($parameter)*> PartialEq<$other> for $one {
                fn eq(&self, other: &$other) -> bool {
                    self[..] == other[..]
                }
            }
        )*
    };
}

compares! {
    [] ShmVec<T>, ShmVec<U>;
    [] ShmVec<T>, [U];
    [] ShmVec<T>, &[U];
    [] ShmVec<T>, &mut [U];
    [const N: usize] ShmVec<T>, [U; N];
    [const N: usize] ShmVec<T>, &[U; N];
    [] ShmVec<T>, Vec<U>;
    [] [T], ShmVec<U>;
    [] &[T], ShmVec<U>;
    [] &mut [T], ShmVec<U>;
    [const N: usize] [T; N], ShmVec<U>;
    [] Vec<T>, ShmVec<U>;
}

impl<T: Eq> Eq for ShmVec<T> {}

impl<T: PartialOrd> PartialOrd for ShmVec<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.as_slice().partial_cmp(other)
    }
}

impl<T: Ord> Ord for ShmVec<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other)
    }
}

/// The same as that of the slice.
impl<T: Hash> Hash for ShmVec<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl<T: ShmSafe + TryClone> TryClone for ShmVec<T> {
    fn try_clone(&self) -> Result<Self, AllocError> {
        Self::from_slice_in(self, &SharedHeap::of(self.buffer.handle())?)
    }
}

/// Bytes are written behind the last one. A heap without room for them is
/// [`ErrorKind::OutOfMemory`](io::ErrorKind::OutOfMemory).
impl io::Write for ShmVec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.extend_from_slice(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(AllocError) => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
