//! `Buffer`: the block of a vector, which tells how many elements it has.
#![expect(unsafe_code, reason = "finds elements in a heap")]

use core::marker::PhantomData;
use core::mem;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{Ordering, compiler_fence};

use super::boxed::lost;
use super::moves;
use crate::geometry::assert_alignable;
use crate::shared::heap::attached::{self, Attached};
use crate::shared::heap::buffer_head::BufferHead;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::Head;

/// The elements of a vector: one word, so that a vector is moved to a larger block by one store.
///
/// The first elements of the block, as many as it says, are valid. It does not drop them.
#[repr(transparent)]
pub(crate) struct Buffer<T> {
    pub(super) handle: Handle,
    owns: PhantomData<T>,
}

impl<T> Buffer<T> {
    /// Where the elements begin.
    pub(super) const ELEMENTS_START: usize = {
        assert_alignable::<T>();
        mem::size_of::<BufferHead>().next_multiple_of(mem::align_of::<T>())
    };
    pub(super) const ALIGN: usize = if mem::align_of::<T>() > 8 { mem::align_of::<T>() } else { 8 };

    /// One without elements, and without a block.
    #[inline]
    pub(crate) fn new(attached: &Attached) -> Self {
        Self { handle: Self::none(attached), owns: PhantomData }
    }

    /// What leads to no block of a heap.
    pub(super) fn none(attached: &Attached) -> Handle {
        let handle = Handle::new(attached.facts.heap, Head::EMPTY_BUFFER);
        handle.unwrap_or_else(|| unreachable!())
    }

    #[inline]
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.head().length.load(Ordering::Relaxed) as usize
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.head().capacity.load(Ordering::Relaxed) as usize
    }

    /// Says how many elements there are. A process that dies has done before it what comes before it, and
    /// nothing of what comes after it: new elements are written first, and old ones dropped last.
    ///
    /// # Safety
    ///
    /// The first `length` elements are valid, and there is a block.
    #[inline]
    pub(crate) unsafe fn set_len(&mut self, length: usize) {
        self.head().length.store(length as u64, Ordering::Release);
        // Release lets what comes after it go first.
        compiler_fence(Ordering::Release);
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        let length = self.len();
        let start = self.elements(length);
        // SAFETY: as many are there and valid, as the block says.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let length = self.len();
        let start = self.elements(length);
        // SAFETY: as many are there and valid, as the block says; and they are this buffer's alone.
        unsafe { slice::from_raw_parts_mut(start.as_ptr(), length) }
    }

    /// The place of an element, be it valid or not.
    #[inline]
    pub(crate) fn place(&mut self, index: usize) -> NonNull<T> {
        self.places(index, 1)
    }

    /// The place of the first of so many elements, be they valid or not.
    #[inline]
    pub(crate) fn places(&mut self, first: usize, count: usize) -> NonNull<T> {
        // One that nobody can have found room for is lost like one that is out of the heap.
        let start = self.elements(first.saturating_add(count));
        // SAFETY: `elements` has found room for as many.
        unsafe { start.add(first) }
    }

    /// Copies elements within the block: see [`moves::shift`].
    ///
    /// # Safety
    ///
    /// As there; and the block has room.
    #[inline]
    pub(crate) unsafe fn shift(&mut self, from: usize, to: usize, count: usize) {
        let start = self.places(0, from.max(to).saturating_add(count));
        // SAFETY: `places` has found room for it.
        let source = unsafe { start.add(from) };
        // SAFETY: `places` has found room for it.
        let place = unsafe { start.add(to) };
        // SAFETY: the caller's duty.
        unsafe { moves::shift(source, place, count) };
    }

    /// Swaps two elements: see [`moves::swap`].
    ///
    /// # Panics
    ///
    /// Panics if one is not there, or if they are one.
    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        let length = self.len();
        assert!(
            one < other && other < length,
            "cannot swap {one} and {other} of {length} elements"
        );
        let (one, other) = (self.place(one), self.place(other));
        // SAFETY: both are there, and one is not the other.
        unsafe { moves::swap(one, other) };
    }

    /// Has the elements up to `end` change places: those from `middle` on come first, from `start` on.
    ///
    /// # Panics
    ///
    /// Panics if these are not there in this order.
    pub(crate) fn rotate(&mut self, start: usize, middle: usize, end: usize) {
        moves::rotate(&mut self.as_mut_slice()[start..end], middle - start);
    }

    #[inline]
    pub(super) fn head(&self) -> &BufferHead {
        match self.find_head() {
            Some(head) => head,
            None => lost(self.handle),
        }
    }

    #[inline]
    pub(super) fn find_head(&self) -> Option<&BufferHead> {
        let (bytes, align) = (mem::size_of::<BufferHead>(), mem::align_of::<BufferHead>());
        let head = attached::resolve(self.handle, bytes, align)?;
        // SAFETY: within a heap, where any bytes are a head.
        Some(unsafe { head.cast().as_ref() })
    }

    /// Where so many elements are, be they valid or not.
    #[inline]
    pub(super) fn elements(&self, count: usize) -> NonNull<T> {
        match self.find_elements(count) {
            Some(elements) => elements,
            None => lost(self.handle),
        }
    }

    #[inline]
    fn find_elements(&self, count: usize) -> Option<NonNull<T>> {
        if count == 0 {
            // Nothing is read or written there.
            return Some(NonNull::dangling());
        }
        let elements = count.checked_mul(mem::size_of::<T>())?;
        let bytes = elements.checked_add(Self::ELEMENTS_START)?;
        let start = attached::resolve(self.handle, bytes, Self::ALIGN)?;
        // SAFETY: within what was found.
        Some(unsafe { start.add(Self::ELEMENTS_START) }.cast())
    }

    /// The places of all elements; none if nobody can find them.
    pub(super) fn find_all(&self) -> Option<NonNull<[T]>> {
        let length = self.find_head()?.length.load(Ordering::Relaxed) as usize;
        Some(NonNull::slice_from_raw_parts(self.find_elements(length)?, length))
    }

    /// How many elements there are, which the buffer does not have any more.
    pub(super) fn uncount_all(&mut self) -> usize {
        let count = self.as_slice().len();
        if count > 0 {
            // SAFETY: none are valid; and there is a block if there are elements.
            unsafe { self.set_len(0) };
        }
        count
    }
}
