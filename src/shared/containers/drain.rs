//! `ShmVecDrain` and `ShmVecIntoIter`: elements on their way out of a vector.
#![expect(unsafe_code, reason = "takes all elements of a vector")]

use core::fmt;
use core::iter::FusedIterator;

use super::buffer::Buffer;
use super::uncounted::Uncounted;
use super::vec::ShmVec;

/// The elements of a range, on their way out of a vector: see [`ShmVec::drain`].
pub struct ShmVecDrain<'a, T>(pub(super) Uncounted<T, &'a mut Buffer<T>>);

/// The elements of a vector, on their way out of it: see [`ShmVec::into_iter`](IntoIterator::into_iter).
pub struct ShmVecIntoIter<T>(Uncounted<T, Buffer<T>>);

impl<T> IntoIterator for ShmVec<T> {
    type Item = T;
    type IntoIter = ShmVecIntoIter<T>;

    /// Takes all elements out; those that were not when the iterator is dropped are dropped, too.
    fn into_iter(self) -> ShmVecIntoIter<T> {
        let mut buffer = self.into_buffer();
        let count = buffer.uncount_all();
        // SAFETY: they were counted until now.
        ShmVecIntoIter(unsafe { Uncounted::new(buffer, 0..count) })
    }
}

impl<T> Drop for ShmVecDrain<'_, T> {
    fn drop(&mut self) {
        self.0.drop_counted();
    }
}

impl<T> ShmVecDrain<'_, T> {
    /// Returns what is still to come.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.0.as_slice()
    }
}

impl<T> ShmVecIntoIter<T> {
    /// Returns what is still to come.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.0.as_slice()
    }
}

impl<T> Iterator for ShmVecDrain<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> DoubleEndedIterator for ShmVecDrain<'_, T> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}

impl<T> ExactSizeIterator for ShmVecDrain<'_, T> {}

impl<T> FusedIterator for ShmVecDrain<'_, T> {}

impl<T: fmt::Debug> fmt::Debug for ShmVecDrain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShmVecDrain").field(&self.as_slice()).finish()
    }
}

impl<T> Iterator for ShmVecIntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl<T> DoubleEndedIterator for ShmVecIntoIter<T> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        self.0.next_back()
    }
}

impl<T> ExactSizeIterator for ShmVecIntoIter<T> {}

impl<T> FusedIterator for ShmVecIntoIter<T> {}

impl<T: fmt::Debug> fmt::Debug for ShmVecIntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShmVecIntoIter").field(&self.as_slice()).finish()
    }
}
