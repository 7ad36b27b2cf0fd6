//! Elements that lie in a buffer and are not counted there any more, or not yet.
#![expect(unsafe_code, reason = "reads, writes and drops elements")]

use core::borrow::BorrowMut;
use core::marker::PhantomData;
use core::mem;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

use super::buffer::Buffer;
use crate::error::AllocError;

/// Elements behind those that a buffer counts. They are dropped with it, and before the buffer, if that is
/// its own. A process that dies leaves them to nobody.
pub(super) struct Uncounted<T, B: BorrowMut<Buffer<T>>> {
    buffer: B,
    /// Which there are.
    range: Range<usize>,
    owns: PhantomData<T>,
}

impl<T, B: BorrowMut<Buffer<T>>> Uncounted<T, B> {
    /// # Safety
    ///
    /// The elements of the range are valid, the buffer does not count them, and nobody else uses them.
    pub(super) unsafe fn new(buffer: B, range: Range<usize>) -> Self {
        Self { buffer, range, owns: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<T> {
        let index = self.range.next()?;
        // SAFETY: it is valid, and not in the range any more.
        Some(unsafe { self.buffer.borrow_mut().place(index).read() })
    }

    #[inline]
    pub(super) fn next_back(&mut self) -> Option<T> {
        let index = self.range.next_back()?;
        // SAFETY: it is valid, and not in the range any more.
        Some(unsafe { self.buffer.borrow_mut().place(index).read() })
    }

    pub(super) fn as_slice(&self) -> &[T] {
        let Range { start, end } = self.range;
        let first = self.buffer.borrow().elements(end);
        let first = if end > start {
            // SAFETY: `elements` has found as many.
            unsafe { first.add(start) }
        } else {
            first
        };
        // SAFETY: they are valid, and borrowed with the buffer.
        unsafe { slice::from_raw_parts(first.as_ptr(), self.range.len()) }
    }
}

impl<T> Uncounted<T, &mut Buffer<T>> {
    /// Has the buffer count the elements, and drops them one after another: a process that dies meanwhile
    /// leaves the others to it.
    pub(super) fn drop_counted(&mut self) {
        let Range { start, end } = mem::take(&mut self.range);
        if !mem::needs_drop::<T>() || start >= end {
            return;
        }
        let (kept, count) = (self.buffer.len(), end - start);
        if kept < start {
            // SAFETY: they are valid, and in no range any more; those before them are gone.
            unsafe { self.buffer.shift(start, kept, count) };
        }
        // SAFETY: those before them are valid as they were, and these are, too.
        unsafe { self.buffer.set_len(kept + count) };
        self.buffer.truncate(kept);
    }

    /// Has the buffer count the elements, which begin where it ends.
    fn count(self) {
        let mut this = mem::ManuallyDrop::new(self);
        if !this.range.is_empty() {
            let end = this.range.end;
            // SAFETY: those before it are valid as they were, and these are, too.
            unsafe { this.buffer.set_len(end) };
        }
    }
}

impl<T, B: BorrowMut<Buffer<T>>> Drop for Uncounted<T, B> {
    fn drop(&mut self) {
        let Range { start, end } = mem::take(&mut self.range);
        if mem::needs_drop::<T>() && start < end {
            let first = self.buffer.borrow_mut().places(start, end - start);
            let elements = NonNull::slice_from_raw_parts(first, end - start);
            // SAFETY: they are valid, and in no range any more.
            unsafe { elements.drop_in_place() };
        }
    }
}

impl<T> Buffer<T> {
    /// Adds so many elements, each made from its number among them: all of them, or none. A process that
    /// dies has added all of them, or none.
    ///
    /// # Errors
    ///
    /// There is no room for them, or `make` has failed. Those that were made are dropped, also if it panics.
    pub(super) fn add(
        &mut self,
        count: usize,
        mut make: impl FnMut(usize) -> Result<T, AllocError>,
    ) -> Result<(), AllocError> {
        self.reserve(count)?;
        let length = self.len();
        let first = self.places(length, count);
        // SAFETY: none yet.
        let mut added = unsafe { Uncounted::new(self, length..length) };
        for index in 0..count {
            let value = make(index)?;
            // SAFETY: `places` has found room for so many.
            let place = unsafe { first.add(index) };
            // SAFETY: as above, and no element is there.
            unsafe { place.write(value) };
            // What is not dropped is not told one by one, so that many are copied by one instruction.
            if mem::needs_drop::<T>() {
                added.range.end += 1;
            }
        }
        added.range.end = length + count;
        added.count();
        Ok(())
    }
}
