//! Elements that leave a buffer one after another, and are dropped.
#![expect(unsafe_code, reason = "drops elements in a heap")]

use core::mem;
use core::ptr::NonNull;

use super::buffer::Buffer;

/// The last elements of a buffer. The last of them is not counted any more, then it is dropped, and so on: a
/// process that dies has lost one at worst, and those before it are still in the buffer.
struct Leaving<'a, T> {
    buffer: &'a mut Buffer<T>,
    first: NonNull<T>,
    /// How many are before them.
    kept: usize,
    /// How many there are still.
    count: usize,
}

impl<T> Leaving<'_, T> {
    fn drop_each(&mut self) {
        while let Some(last) = self.count.checked_sub(1) {
            self.count = last;
            // SAFETY: those before it are valid as they were.
            unsafe { self.buffer.set_len(self.kept + last) };
            // SAFETY: one of those that are there.
            let place = unsafe { self.first.add(last) };
            // SAFETY: it was counted until now.
            unsafe { place.drop_in_place() };
        }
    }
}

impl<T> Drop for Leaving<'_, T> {
    /// Where dropping one has panicked, the others are still to be dropped.
    fn drop(&mut self) {
        self.drop_each();
    }
}

impl<T> Buffer<T> {
    /// Drops the elements behind the first `length`, if there are any, the last one first.
    pub(super) fn truncate(&mut self, length: usize) {
        let Some(count) = self.len().checked_sub(length).filter(|&count| count > 0) else { return };
        let first = self.places(length, count);
        self.leave(first, length, count);
    }

    /// Drops all elements, the last one first; none if nobody can find them.
    pub(super) fn drop_elements(&mut self) {
        let Some(elements) = self.find_all().filter(|elements| !elements.is_empty()) else {
            return;
        };
        self.leave(elements.cast(), 0, elements.len());
    }

    /// Drops the last so many elements, which are found at `first`.
    fn leave(&mut self, first: NonNull<T>, kept: usize, count: usize) {
        if mem::needs_drop::<T>() {
            Leaving { buffer: self, first, kept, count }.drop_each();
        } else {
            // SAFETY: they are valid as they were.
            unsafe { self.set_len(kept) };
        }
    }
}
