//! What takes elements out of a `ShmVec`, or only looks at them: it asks for no memory.
#![expect(unsafe_code, reason = "reads and moves elements in a heap")]

use core::mem::ManuallyDrop;
use core::ops::{Range, RangeBounds};
use core::ptr;

use super::buffer::Buffer;
use super::drain::ShmVecDrain;
use super::ranges;
use super::uncounted::Uncounted;
use super::vec::ShmVec;

impl<T> ShmVec<T> {
    /// Returns the number of elements.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether there are no elements.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many elements there is room for: no fewer than there are. Elements without bytes have
    /// room for all that can be counted, from the first on.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Returns the elements.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.buffer.as_slice()
    }

    /// Returns the elements, to be changed.
    #[inline]
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        self.buffer.as_mut_slice()
    }

    /// Takes the last element; none if there are none.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        let place = self.buffer.place(last);
        // SAFETY: those before it are valid.
        unsafe { self.buffer.set_len(last) };
        // SAFETY: it was counted until now.
        Some(unsafe { place.read() })
    }

    /// Takes an element; those behind it move up.
    ///
    /// # Panics
    ///
    /// Panics if there is none at `index`.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        let length = self.len();
        assert!(index < length, "removal index (is {index}) should be < len (is {length})");
        // SAFETY: it is valid, and overwritten or not counted when this ends.
        let element = unsafe { self.buffer.place(index).read() };
        // SAFETY: all of them are there; the last one is not counted any more below.
        unsafe { self.buffer.shift(index + 1, index, length - index - 1) };
        // SAFETY: so many are valid now.
        unsafe { self.buffer.set_len(length - 1) };
        element
    }

    /// Takes an element; the last one takes its place.
    ///
    /// # Panics
    ///
    /// Panics if there is none at `index`.
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        let length = self.len();
        assert!(index < length, "swap_remove index (is {index}) should be < len (is {length})");
        // SAFETY: it is valid, and overwritten or not counted when this ends.
        let element = unsafe { self.buffer.place(index).read() };
        // SAFETY: both are there; the last one is not counted any more below.
        unsafe { self.buffer.shift(length - 1, index, 1) };
        // SAFETY: so many are valid now.
        unsafe { self.buffer.set_len(length - 1) };
        element
    }

    /// Drops the elements behind the first `length`, if there are any, the last one first: each leaves the
    /// vector, and is dropped then. A process that dies meanwhile loses one of them at worst; those before it
    /// are still there. If dropping one panics, the others are dropped nevertheless.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString, ShmVec};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let words = ["one", "two", "three"].map(|word| ShmString::from_str_in(word, &heap).unwrap());
    /// let mut vec = ShmVec::from_iter_in(words, &heap)?;
    /// vec.truncate(1);
    /// assert_eq!(vec, ["one"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn truncate(&mut self, length: usize) {
        self.buffer.truncate(length);
    }

    /// Drops all elements, as [`truncate`](Self::truncate) does. Their room stays.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Keeps the elements for which `keep` says so, in their order, and drops the others when all are told
    /// apart. If `keep` panics, none is dropped, and they may be in another order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.retain_mut(|element| keep(element));
    }

    /// As [`retain`](Self::retain), with elements that may be changed.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        self.sift(|_, element| keep(element));
    }

    /// Drops each element that equals the one that is kept before it.
    pub fn dedup(&mut self)
    where
        T: PartialEq,
    {
        self.dedup_by(|element, before| element == before);
    }

    /// Drops each element of which `key` says the same as of the one that is kept before it.
    pub fn dedup_by_key<K: PartialEq>(&mut self, mut key: impl FnMut(&mut T) -> K) {
        self.dedup_by(|element, before| key(element) == key(before));
    }

    /// Drops each element of which `is_same` says that it is the same as the one that is kept before it, its
    /// second argument. If it panics, none is dropped, and they may be in another order.
    pub fn dedup_by(&mut self, mut is_same: impl FnMut(&mut T, &mut T) -> bool) {
        self.sift(|before, element| before.is_none_or(|before| !is_same(element, before)));
    }

    /// Keeps some of the elements, as `keeps` says of each, given the last one that was kept. The others go
    /// behind those by swaps, so that all are there until all are told apart.
    fn sift(&mut self, mut keeps: impl FnMut(Option<&mut T>, &mut T) -> bool) {
        let (length, mut kept) = (self.len(), 0);
        for index in 0..length {
            let (before, rest) = self.split_at_mut(index);
            if keeps(before[..kept].last_mut(), &mut rest[0]) {
                if kept < index {
                    self.buffer.swap(kept, index);
                }
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// Takes the elements of a range, which are those that the iterator gives; those that it did not give when
    /// it is dropped are dropped, too, the last one first. Those behind the range move up at once.
    ///
    /// An iterator that is forgotten takes the elements with it. So does one whose process dies while it gives
    /// them; once it is being dropped, those that are left are the vector's again, and leave it one by one.
    ///
    /// # Panics
    ///
    /// Panics if the range ends before it starts, or behind the last element.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmVec};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut vec = ShmVec::from_iter_in(0..10, &heap)?;
    /// assert_eq!(vec.drain(2..9).sum::<i32>(), 35);
    /// assert_eq!(vec, [0, 1, 9]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> ShmVecDrain<'_, T> {
        let length = self.len();
        let Range { start, end } = ranges::within(range, length);
        let kept = length - (end - start);
        if kept < length {
            self.buffer.rotate(start, end, length);
            // SAFETY: those of the range are the last ones now.
            unsafe { self.buffer.set_len(kept) };
        }
        // SAFETY: they were counted until now.
        ShmVecDrain(unsafe { Uncounted::new(&mut self.buffer, kept..length) })
    }

    /// Makes it the buffer that it is, with elements that nobody drops.
    pub(super) fn into_buffer(self) -> Buffer<T> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the vector is not used any more, nor dropped.
        unsafe { ptr::read(&raw const this.buffer) }
    }
}

impl<T> Drop for ShmVec<T> {
    fn drop(&mut self) {
        self.buffer.drop_elements();
    }
}
