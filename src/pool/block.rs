//! A block: memory from the system out of which a pool hands out small requests.
//!
//! ```text
//! base                        start            cursor                      end
//! | size | next | cursor | pad | values, upward | free                      |
//! |<-------- HEADER --------->|<----------- capacity ---------------------->|
//! |<------------------------------ size ----------------------------------->|
//! ```
//!
//! The header lies below the values, so that no value of a block can end where the values of
//! another one begin: the question "is this the last value?" is answered by its address alone.
#![expect(unsafe_code, reason = "headers live in memory from the system, behind a pointer")]

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

use crate::sys::shadow;

/// The bytes in front of a block's values. A multiple of [`Block::ALIGN`].
pub(super) const HEADER: usize = size_of::<Header>().next_multiple_of(Block::ALIGN);

struct Header {
    /// Of the whole block, the header included.
    size: usize,
    /// The next older block of the list that this one is in.
    next: Cell<Option<Block>>,
    /// Where the free bytes begin; stale while a pool bumps in this block.
    cursor: Cell<NonNull<u8>>,
}

/// A handle to a live block. It is copied freely; only [`Block::release`] ends the block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Block(NonNull<Header>);

impl Block {
    /// The alignment of a block and of its first value.
    pub(super) const ALIGN: usize = 16;

    /// Takes a block of `size` bytes in all from the system. `None` where it has none, or where
    /// less than `clearance` bytes of address space lie above the block: adding up to that much to
    /// a cursor never overflows.
    pub(super) fn obtain(size: usize, clearance: usize) -> Option<Self> {
        let layout = Self::layout(size)?;
        if size < HEADER {
            return None;
        }
        // SAFETY: the layout is not empty, as `size` is at least the header's.
        let base = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
        if base.addr().get() > usize::MAX.saturating_sub(size).saturating_sub(clearance) {
            // SAFETY: allocated above with this very layout.
            unsafe { std::alloc::dealloc(base.as_ptr(), layout) };
            return None;
        }
        // Pieces of the block are found again by their addresses alone.
        base.as_ptr().expose_provenance();
        let block = Self(base.cast());
        let header = Header { size, next: Cell::new(None), cursor: Cell::new(block.start()) };
        // SAFETY: the memory is fresh, aligned to 16 and at least `HEADER` bytes long.
        unsafe { block.0.write(header) };
        shadow::forbid(block.start(), block.capacity());
        Some(block)
    }

    /// Gives the block back to the system.
    ///
    /// # Safety
    /// No other copy of the handle, and nothing that lies in the block, is used from here on.
    pub(super) unsafe fn release(self) {
        let size = self.size();
        shadow::permit(self.start(), self.capacity());
        if let Some(layout) = Self::layout(size) {
            // SAFETY: `obtain` got the block with this layout; the caller gives up all of it.
            unsafe { std::alloc::dealloc(self.0.as_ptr().cast(), layout) };
        }
    }

    fn layout(size: usize) -> Option<Layout> {
        Layout::from_size_align(size, Self::ALIGN).ok()
    }

    fn header(&self) -> &Header {
        // SAFETY: a handle is made by `obtain`, which wrote the header, and is dead once released.
        unsafe { self.0.as_ref() }
    }

    /// The bytes of the whole block, header included.
    pub(super) fn size(self) -> usize {
        self.header().size
    }

    /// The bytes for values.
    pub(super) fn capacity(self) -> usize {
        self.size() - HEADER
    }

    /// The address of the first value.
    pub(super) fn start(self) -> NonNull<u8> {
        // SAFETY: `obtain` made the block at least `HEADER` bytes long.
        unsafe { self.0.cast::<u8>().add(HEADER) }
    }

    /// One past the last byte.
    pub(super) fn end(self) -> NonNull<u8> {
        let size = self.size();
        // SAFETY: the block is `size` bytes long.
        unsafe { self.0.cast::<u8>().add(size) }
    }

    /// Where the free bytes begin, as last saved.
    pub(super) fn cursor(self) -> NonNull<u8> {
        self.header().cursor.get()
    }

    /// Saves where the free bytes begin.
    pub(super) fn set_cursor(self, cursor: NonNull<u8>) {
        self.header().cursor.set(cursor);
    }

    /// The free bytes, as last saved.
    pub(super) fn room(self) -> usize {
        self.end().addr().get().wrapping_sub(self.cursor().addr().get())
    }

    /// Hands out the next bytes after the saved cursor, if the block has them, for a small request.
    pub(super) fn hand_out(self, layout: Layout) -> Option<NonNull<u8>> {
        let start = self.cursor();
        // No overflow: `obtain` saw to the room above the block.
        let padding = start.addr().get().wrapping_neg() & (layout.align() - 1);
        let need = padding.wrapping_add(layout.size());
        if need > self.room() {
            return None;
        }
        // SAFETY: within the room.
        let values = unsafe { start.add(padding) };
        // SAFETY: as above.
        self.set_cursor(unsafe { values.add(layout.size()) });
        shadow::permit(values, layout.size());
        Some(values)
    }

    /// Marks every value of the block as gone.
    pub(super) fn clear(self) {
        self.set_cursor(self.start());
        shadow::forbid(self.start(), self.capacity());
    }

    /// The next older block of its list.
    pub(super) fn next(self) -> Option<Self> {
        self.header().next.get()
    }

    /// Puts `next` behind this block.
    pub(super) fn set_next(self, next: Option<Self>) {
        self.header().next.set(next);
    }
}
