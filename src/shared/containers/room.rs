//! How a `Buffer` gets room for its elements, and gives it back.
#![expect(unsafe_code, reason = "moves elements to another block")]

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use super::buffer::Buffer;
use crate::error::AllocError;
use crate::geometry;
use crate::shared::heap::attached::Attached;
use crate::shared::heap::blocks::{self, Fill};
use crate::shared::heap::buffer_head::BufferHead;

impl<T> Buffer<T> {
    /// A block of fewer bytes is not worth its name.
    const LEAST_BYTES: usize = 64;

    /// Makes room for more elements: at least for twice as many as there are, if there is memory for them.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    #[inline]
    pub(crate) fn reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional <= self.spare() { Ok(()) } else { self.grow(additional) }
    }

    /// As [`Buffer::reserve`], but for no more than are asked for.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub(crate) fn reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional <= self.spare() {
            return Ok(());
        }
        self.resize(self.len().checked_add(additional).ok_or(AllocError)?)
    }

    /// How many more elements there is room for.
    #[inline]
    fn spare(&self) -> usize {
        let head = self.head();
        let (length, capacity) = (&head.length, &head.capacity);
        capacity.load(Ordering::Relaxed).saturating_sub(length.load(Ordering::Relaxed)) as usize
    }

    #[cold]
    fn grow(&mut self, additional: usize) -> Result<(), AllocError> {
        let needed = self.len().checked_add(additional).ok_or(AllocError)?;
        let twice = self.capacity().saturating_mul(2);
        let least = Self::LEAST_BYTES / mem::size_of::<T>().max(1);
        self.resize(needed.max(twice).max(least)).or_else(|_| self.resize(needed))
    }

    /// Makes room for exactly so many elements, or as many as a block has that holds them; not for fewer
    /// than there are. None needs no block.
    ///
    /// # Errors
    ///
    /// There is no room for so many, and nothing has changed.
    pub(crate) fn resize(&mut self, capacity: usize) -> Result<(), AllocError> {
        let attached = Attached::of(self.handle.heap()).ok_or(AllocError)?;
        let (length, has) = (self.len(), self.capacity());
        let layout = Self::layout(capacity.max(length)).ok_or(AllocError)?;
        if layout.size() == 0 {
            self.give_back();
            return Ok(());
        }
        let capacity = Self::capacity_of(layout);
        if capacity == has {
            return Ok(());
        }
        let old = if has > 0 { Some(Self::layout(has).ok_or(AllocError)?) } else { None };
        if capacity < has {
            // Before the block gets shorter.
            self.head().capacity.store(capacity as u64, Ordering::Release);
        }
        let source = self.elements(length);
        let write = |block| {
            let head = BufferHead {
                length: AtomicU64::new(length as u64),
                capacity: AtomicU64::new(capacity as u64),
            };
            // SAFETY: the layout has room for them, and as many are valid here.
            unsafe { write_buffer(block, head, source, length, Self::ELEMENTS_START) };
        };
        let fill = Fill { bytes: length * mem::size_of::<T>(), write };
        // SAFETY: the old layout is that of the block, and no more is written than the new one holds.
        let replaced =
            unsafe { attached.replace(blocks::word_of(&mut self.handle), old, layout, fill) };
        if has > 0 || replaced.is_ok() {
            let capacity = if replaced.is_ok() { capacity } else { has };
            self.head().capacity.store(capacity as u64, Ordering::Release);
        }
        replaced
    }

    /// Gives the block back, if there is one. The elements are not dropped. Where a heap is not attached
    /// or the handle is overwritten, nobody can.
    fn give_back(&mut self) {
        let Some(attached) = Attached::of(self.handle.heap()) else { return };
        let Some(head) = self.find_head() else { return };
        let capacity = head.capacity.load(Ordering::Relaxed) as usize;
        if let (1.., Some(layout)) = (capacity, Self::layout(capacity)) {
            // SAFETY: the block has this layout, and nothing in it is used any more.
            unsafe {
                attached.release(
                    blocks::word_of(&mut self.handle),
                    Self::none(attached).bits(),
                    layout,
                );
            }
        }
    }

    /// The layout of a block for so many elements, and for all that fit into it besides.
    fn layout(capacity: usize) -> Option<Layout> {
        if capacity == 0 {
            return Layout::from_size_align(0, Self::ALIGN).ok();
        }
        let elements = capacity.checked_mul(mem::size_of::<T>())?;
        let bytes = elements.checked_add(Self::ELEMENTS_START)?;
        Layout::from_size_align(geometry::rounded(bytes, Self::ALIGN)?, Self::ALIGN).ok()
    }

    /// For how many elements a block has room.
    fn capacity_of(layout: Layout) -> usize {
        let bytes = layout.size().saturating_sub(Self::ELEMENTS_START);
        bytes.checked_div(mem::size_of::<T>()).unwrap_or(usize::MAX)
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Writes what a block begins with, and copies elements behind it.
///
/// # Safety
///
/// The block has room for them, and is nobody else's; so many elements are at the source.
unsafe fn write_buffer<T>(
    block: NonNull<u8>,
    head: BufferHead,
    source: NonNull<T>,
    count: usize,
    start: usize,
) {
    // SAFETY: the caller's duty.
    unsafe { block.cast().write(head) };
    // SAFETY: the caller's duty.
    let elements = unsafe { block.add(start) }.cast::<T>();
    // SAFETY: the caller's duty. Where somebody has written into the tables, one block may be the other.
    unsafe { elements.copy_from(source, count) };
}
