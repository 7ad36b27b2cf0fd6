//! Requests by layout: the pool's hot path, and what stands behind it.
//!
//! None of these functions unwinds, as the contract of `Allocator` demands: sums are made so that
//! they cannot overflow, and no slice is indexed by a computed number.
#![expect(unsafe_code, reason = "turns addresses of the current block into pointers")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::block::{Block, HEADER};
use super::large::Fill;
use super::pool::Pool;
use super::share::Share;
use crate::error::AllocError;
use crate::nowhere;
use crate::sys::shadow;

/// How many older blocks are asked for room before a new one is taken.
const TAILS: usize = 4;

impl Pool {
    /// Allocates memory for `layout` that stays until the pool is reset. Its bytes are not
    /// initialised, and exactly `layout.size()` of them may be used.
    ///
    /// Memory that is to be given back before comes by the `Allocator` trait of `&Pool`. An empty
    /// layout gets a dangling pointer and touches nothing.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// let pool = aquifer::Pool::new();
    /// let page = pool.alloc_layout(Layout::from_size_align(100, 4096).unwrap())?;
    /// assert_eq!(page.addr().get() % 4096, 0);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias("ngx_palloc", "ngx_pnalloc", "ngx_pmemalign"))]
    #[inline]
    pub fn alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let mask = layout.align() - 1;
        // One comparison: the size less one of an empty layout wraps round.
        if (layout.size().wrapping_sub(1) | mask) < self.large_threshold {
            if let Some(values) = self.bump(mask, layout.size()) {
                shadow::permit(values, layout.size());
                return Ok(values);
            }
        }
        self.alloc_cold(layout)
    }

    /// Allocates memory for `layout` that stays until the pool is reset, with every byte zero.
    ///
    /// # Errors
    /// [`AllocError`] where the limit is reached or the system has no memory.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// let pool = aquifer::Pool::new();
    /// let word = pool.alloc_zeroed(Layout::new::<u64>())?.cast::<u64>();
    /// assert_eq!(unsafe { word.read() }, 0);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias = "ngx_pcalloc")]
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.zeroed(layout, Self::alloc_layout)
    }

    /// Allocates with every byte zero: a large request through the system, which may know memory
    /// that is zero already, any other with `alloc`.
    pub(super) fn zeroed(
        &self,
        layout: Layout,
        alloc: impl FnOnce(&Self, Layout) -> Result<NonNull<u8>, AllocError>,
    ) -> Result<NonNull<u8>, AllocError> {
        if self.is_large(layout) {
            return self.large.alloc(self.supply(), layout, Fill::Zeros);
        }
        let values = alloc(self, layout)?;
        // SAFETY: `values` has just been handed out with this size.
        unsafe { values.write_bytes(0, layout.size()) };
        Ok(values)
    }

    /// Hands out the next bytes of the current block, if it has them.
    #[inline(always)]
    pub(super) fn bump(&self, mask: usize, bytes: usize) -> Option<NonNull<u8>> {
        // SAFETY: the cell is ours, and alive. Volatile only so that the compiler makes it a load
        // of its own: the processor serves such a load from the store of the call before, and a
        // load within an `or` waits for that store; which takes twice the time for the whole call.
        let last = unsafe { self.last.as_ptr().read_volatile() };
        self.bump_from(last, mask, bytes)
    }

    /// Hands out the next bytes of the current block, if it has them, for a small type.
    #[inline(always)]
    pub(super) fn bump_for<T>(&self) -> Option<NonNull<T>> {
        let values = self.bump_from(self.last.get(), align_of::<T>() - 1, size_of::<T>())?;
        shadow::permit(values, size_of::<T>());
        Some(values.cast())
    }

    /// Hands out the bytes behind `last`, rounded up. Nothing of this overflows: a block has room
    /// above it for a small request and its alignment. Without a block, `end` is null.
    #[inline(always)]
    fn bump_from(&self, last: *mut u8, mask: usize, bytes: usize) -> Option<NonNull<u8>> {
        let skipped = last.addr() | mask;
        let new_last = skipped.wrapping_add(bytes);
        if new_last >= self.end.get().addr() {
            return None;
        }
        self.last.set(last.with_addr(new_last));
        let values = last.with_addr(skipped.wrapping_add(1));
        // SAFETY: above `last`, and not above `end`, which is not null.
        Some(unsafe { NonNull::new_unchecked(values) })
    }

    /// Serves what the hot path cannot: empty and large requests, and those for which another place
    /// must be found.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_cold(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nowhere::place_for(layout));
        }
        if self.is_large(layout) {
            return self.large.alloc(self.supply(), layout, Fill::Any);
        }
        self.alloc_elsewhere(layout)
    }

    /// Serves a small request from the first of: a freed piece, the end of an older block, freed
    /// neighbours, joined, and another block.
    pub(super) fn alloc_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let has_nothing_else = match self.block.get() {
            None => true,
            Some(current) => current.next().is_none() && self.freed.bytes() == 0,
        };
        if has_nothing_else { self.alloc_in_next_block(layout) } else { self.alloc_behind(layout) }
    }

    /// Serves a small request that the current block has no room for.
    #[inline(never)]
    fn alloc_behind(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let whole_grains = Share::of(layout).layout();
        if let Some(values) = self.freed.take(whole_grains) {
            return Ok(values);
        }
        if let Some(values) = self.alloc_in_tails(layout) {
            return Ok(values);
        }
        let is_last_resort = || !self.supply().has_room(Self::need(layout).wrapping_add(HEADER));
        if self.freed.join_neighbours(is_last_resort) {
            if let Some(values) = self.freed.take(whole_grains) {
                return Ok(values);
            }
        }
        self.alloc_in_next_block(layout)
    }

    /// Hands out the end of an older block that has room left.
    fn alloc_in_tails(&self, layout: Layout) -> Option<NonNull<u8>> {
        let mut at = self.block.get()?.next();
        for _ in 0..TAILS {
            let block = at?;
            if let Some(values) = block.hand_out(layout) {
                return Some(values);
            }
            at = block.next();
        }
        None
    }

    /// Takes a block from the supply and hands its first bytes out. Of it and the current block,
    /// the one with more room left is the current one from here on.
    fn alloc_in_next_block(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let need = Self::need(layout);
        let block = self.supply().take(need, self.next_block_size.get())?;
        self.next_block_size.set(self.supply().double(block));
        match self.block.get() {
            Some(current) if self.room() > block.capacity().wrapping_sub(need) => {
                block.set_next(current.next());
                current.set_next(Some(block));
                block.hand_out(layout).ok_or(AllocError)
            }
            current => {
                if let Some(current) = current {
                    self.save_cursor(current);
                }
                block.set_next(current);
                self.make_current(block);
                let values = self.bump(layout.align() - 1, layout.size()).ok_or(AllocError)?;
                shadow::permit(values, layout.size());
                Ok(values)
            }
        }
    }

    /// The room that a small request needs in an empty block. Blocks start aligned to
    /// `Block::ALIGN`; a stricter alignment may need padding.
    fn need(layout: Layout) -> usize {
        // No overflow: neither is above the large threshold.
        layout.size().wrapping_add(layout.align().saturating_sub(Block::ALIGN))
    }

    /// The free bytes of the current block, where there is one.
    fn room(&self) -> usize {
        self.end.get().addr().wrapping_sub(self.last.get().addr()).wrapping_sub(1)
    }
}
