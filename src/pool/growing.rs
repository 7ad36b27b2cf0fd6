//! A slice under construction at the end of a pool.
#![expect(unsafe_code, reason = "writes into memory that is not initialised yet")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::pool::Pool;
use crate::error::AllocError;

/// Values that are written one by one. It gives its memory back unless it is finished, so that a
/// panic of whoever makes the values, or a refusal, costs nothing.
///
/// Its memory is the pool's from the start: others may allocate while it grows. The values must
/// not need `Drop`.
pub(super) struct Growing<'pool, T> {
    pool: &'pool Pool,
    start: NonNull<T>,
    len: usize,
    capacity: usize,
}

impl<'pool, T> Growing<'pool, T> {
    pub(super) fn with_capacity(pool: &'pool Pool, capacity: usize) -> Result<Self, AllocError> {
        let start = pool.reserve(array::<T>(capacity)?)?.cast();
        Ok(Self { pool, start, len: 0, capacity })
    }

    pub(super) fn push(&mut self, value: T) -> Result<(), AllocError> {
        if self.len == self.capacity {
            self.reserve(1)?;
        }
        // SAFETY: below the capacity.
        let slot = unsafe { self.start.add(self.len) };
        // SAFETY: as above, and nobody else's.
        unsafe { slot.write(value) };
        self.len += 1;
        Ok(())
    }

    pub(super) fn extend_from_slice(&mut self, values: &[T]) -> Result<(), AllocError>
    where
        T: Copy,
    {
        if self.capacity - self.len < values.len() {
            self.reserve(values.len())?;
        }
        // SAFETY: at most the capacity.
        let end = unsafe { self.start.add(self.len) };
        // SAFETY: there is room for them behind `end`, which is nobody else's.
        unsafe { end.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
        self.len += values.len();
        Ok(())
    }

    /// Ends the construction; what was not used goes back to the pool.
    pub(super) fn finish(self) -> &'pool mut [T] {
        let this = core::mem::ManuallyDrop::new(self);
        if this.len == this.capacity {
            // SAFETY: `len` values are written, and the memory is nobody else's.
            return unsafe { NonNull::slice_from_raw_parts(this.start, this.len).as_mut() };
        }
        let (old, new) = (this.layout(this.capacity), this.layout(this.len));
        // SAFETY: handed out for `capacity` values, and not larger from here on.
        let shrunk = unsafe { this.pool.shrink(this.start.cast(), old, new) };
        // Where it could not shrink, it stays as it was.
        let start = shrunk.map_or(this.start, NonNull::cast);
        // SAFETY: `len` values are written, and the memory is nobody else's.
        unsafe { NonNull::slice_from_raw_parts(start, this.len).as_mut() }
    }

    /// Makes room for `more` values, and for twice as many as there was.
    #[cold]
    fn reserve(&mut self, more: usize) -> Result<(), AllocError> {
        let least = self.len.checked_add(more).ok_or(AllocError)?;
        let capacity = least.max(self.capacity.saturating_mul(2)).max(8);
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { capacity };
        let (old, new) = (self.layout(self.capacity), array::<T>(capacity)?);
        // SAFETY: handed out for the old capacity, which the new one is not below.
        self.start = unsafe { self.pool.grow(self.start.cast(), old, new)? }.cast();
        self.capacity = capacity;
        Ok(())
    }

    /// The layout of at most `capacity` values.
    fn layout(&self, len: usize) -> Layout {
        let bytes = size_of::<T>() * len;
        // SAFETY: `array` has checked the capacity, which no caller's `len` is above.
        unsafe { Layout::from_size_align_unchecked(bytes, align_of::<T>()) }
    }
}

impl<T> Drop for Growing<'_, T> {
    fn drop(&mut self) {
        // SAFETY: handed out for `capacity` values, and given up here.
        unsafe { self.pool.dealloc(self.start.cast(), self.layout(self.capacity)) };
    }
}

fn array<T>(len: usize) -> Result<Layout, AllocError> {
    Layout::array::<T>(len).map_err(|_| AllocError)
}
