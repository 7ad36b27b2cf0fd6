//! What adds many elements to a `ShmVec` at once, or moves many from one to another.
#![expect(unsafe_code, reason = "copies elements in a heap")]

use core::mem;
use core::ops::{Range, RangeBounds};

use super::buffer::Buffer;
use super::ranges;
use super::try_clone::TryClone;
use super::vec::ShmVec;
use crate::error::{AllocError, InsertError};
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::schema::shm_safe::ShmSafe;

impl<T: ShmSafe> ShmVec<T> {
    /// Adds all that an iterator gives.
    ///
    /// # Errors
    ///
    /// There is no room for one of them: the error gives that one back. Those before it are added, and those
    /// behind it are still in the iterator, if it was lent by [`Iterator::by_ref`].
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmVec};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let (mut vec, mut numbers) = (ShmVec::new_in(&heap), 0_u64..);
    /// let refused = vec.try_extend(numbers.by_ref()).unwrap_err().into_value();
    /// assert_eq!(refused, vec.len() as u64);
    /// assert_eq!(numbers.next(), Some(refused + 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_extend(
        &mut self,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<(), InsertError<T>> {
        let mut elements = elements.into_iter();
        // If there is no room for all of them there may be for some.
        let _ = self.reserve(elements.size_hint().0);
        elements.try_for_each(|element| self.push(element))
    }

    /// Adds copies of elements: all of them, or none.
    ///
    /// # Errors
    ///
    /// There is no room for them, or for what they own.
    pub fn extend_from_slice(&mut self, elements: &[T]) -> Result<(), AllocError>
    where
        T: TryClone,
    {
        self.buffer.add(elements.len(), |index| elements[index].try_clone())
    }

    /// Adds copies of the elements of a range: all of them, or none.
    ///
    /// # Errors
    ///
    /// There is no room for them, or for what they own.
    ///
    /// # Panics
    ///
    /// Panics if the range ends before it starts, or behind the last element.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmVec};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut vec = ShmVec::from_slice_in(&[1, 2, 3], &heap)?;
    /// vec.extend_from_within(1..)?;
    /// assert_eq!(vec, [1, 2, 3, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn extend_from_within(&mut self, range: impl RangeBounds<usize>) -> Result<(), AllocError>
    where
        T: TryClone,
    {
        let Range { start, end } = ranges::within(range, self.len());
        let count = end - start;
        // From here on the elements stay where they are.
        self.buffer.reserve(count)?;
        let first = self.buffer.places(start, count);
        self.buffer.add(count, |index| {
            // SAFETY: one of so many that are there.
            let place = unsafe { first.add(index) };
            // SAFETY: it is valid, and what is written meanwhile lies behind the last element.
            unsafe { place.as_ref() }.try_clone()
        })
    }

    /// Moves all elements of another vector behind the last one.
    ///
    /// # Errors
    ///
    /// There is no room for them: they are where they were.
    pub fn append(&mut self, other: &mut Self) -> Result<(), AllocError> {
        self.buffer.reserve(other.len())?;
        other.move_tail(0, &mut self.buffer);
        Ok(())
    }

    /// Takes the elements from `at` on, into a vector of their own in the same heap.
    ///
    /// # Errors
    ///
    /// There is no room for them: they are where they were.
    ///
    /// # Panics
    ///
    /// Panics if `at` is greater than the length.
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Result<Self, AllocError> {
        let length = self.len();
        assert!(at <= length, "`at` split index (is {at}) should be <= len (is {length})");
        let heap = SharedHeap::of(self.buffer.handle())?;
        let mut other = Self::with_capacity_in(length - at, &heap)?;
        self.move_tail(at, &mut other.buffer);
        Ok(other)
    }

    /// Moves the elements from `at` on into a buffer that has room for them.
    fn move_tail(&mut self, at: usize, other: &mut Buffer<T>) {
        let (count, before) = (self.len() - at, other.len());
        if count == 0 {
            return;
        }
        let (source, place) = (self.buffer.places(at, count), other.places(before, count));
        // SAFETY: so many are there, and there is room for them; they are counted in one place at a time. Where
        // somebody has written into the tables, one block may be the other.
        unsafe { source.copy_to(place, count) };
        // SAFETY: those before are valid as they were.
        unsafe { self.buffer.set_len(at) };
        // SAFETY: they were copied just now.
        unsafe { other.set_len(before + count) };
    }

    /// Drops elements behind the first `length`, or adds copies of one until there are as many: all of
    /// them, or none.
    ///
    /// # Errors
    ///
    /// There is no room for them, or for what they own: the error gives the element back.
    pub fn resize(&mut self, length: usize, element: T) -> Result<(), InsertError<T>>
    where
        T: TryClone,
    {
        let Some(count) = length.checked_sub(self.len()).filter(|&count| count > 0) else {
            self.truncate(length);
            return Ok(());
        };
        if !mem::needs_drop::<T>() {
            let added = self.buffer.add(count, |_| element.try_clone());
            return added.map_err(|AllocError| InsertError::new(element));
        }
        let mut original = Some(element);
        let added = self.buffer.add(count, |index| match &original {
            Some(element) if index + 1 < count => element.try_clone(),
            _ => original.take().ok_or(AllocError),
        });
        match (added, original) {
            (Err(AllocError), Some(element)) => Err(InsertError::new(element)),
            _ => Ok(()),
        }
    }

    /// Drops elements behind the first `length`, or adds those that a closure makes until there are as many: all
    /// of them, or none.
    ///
    /// # Errors
    ///
    /// There is no room for them: the closure was not called.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString, ShmVec};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut lines = ShmVec::new_in(&heap);
    /// lines.resize_with(3, || ShmString::new_in(&heap))?;
    /// assert_eq!(lines, ["", "", ""]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize_with(
        &mut self,
        length: usize,
        mut make: impl FnMut() -> T,
    ) -> Result<(), AllocError> {
        match length.checked_sub(self.len()) {
            Some(count @ 1..) => self.buffer.add(count, |_| Ok(make())),
            _ => {
                self.truncate(length);
                Ok(())
            }
        }
    }
}
