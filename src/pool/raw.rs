//! Requests by layout: the pool's hot path, and what stands behind it.
//!
//! None of these functions unwinds, as the contract of `Allocator` demands: sums are made so that
//! they cannot overflow, and no slice is indexed by a computed number.
#![expect(unsafe_code, reason = "turns the cursor into pointers and frees what was handed out")]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use super::block::Block;
use super::freed;
use super::large::Fill;
use super::pool::Pool;
use crate::error::AllocError;
use crate::sys::shadow;

/// How many older blocks are asked for room before a new one is taken.
const TAILS: usize = 4;

impl Pool {
    /// Allocates memory for `layout`. Its bytes are not initialised, and exactly `layout.size()`
    /// of them may be used.
    ///
    /// An empty layout gets a dangling pointer and touches nothing.
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
        if self.is_small(layout) {
            if let Some(values) = self.bump(layout) {
                return Ok(values);
            }
        }
        self.alloc_cold(layout)
    }

    /// Allocates memory for `layout` with every byte zero.
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
        if layout.size() != 0 && !self.is_small(layout) {
            return self.large.alloc(self.supply(), layout, Fill::Zeros);
        }
        let values = self.alloc_layout(layout)?;
        // SAFETY: `values` has just been handed out with this size.
        unsafe { values.write_bytes(0, layout.size()) };
        Ok(values)
    }

    /// Gives memory back before the pool is reset: a large request returns to the system at once,
    /// the newest small one to the cursor, and any other of 64 bytes or more waits for a later
    /// request that fits.
    ///
    /// # Safety
    /// 1. `values` was handed out for `layout` by this very pool, by a method that takes or
    ///    returns a layout, and was not given back since.
    /// 2. Nobody uses the memory from here on.
    #[doc(alias = "ngx_pfree")]
    #[inline]
    pub unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout) {
        if !self.is_small(layout) {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc_cold(values, layout) };
        } else if self.is_newest(values, layout.size()) {
            self.set_cursor(values);
            shadow::forbid(values, layout.size());
        } else if layout.size() >= freed::LEAST {
            // SAFETY: the caller gives up memory that lies in one of our blocks.
            unsafe { self.freed.put(values, layout.size()) };
        } else {
            shadow::forbid(values, layout.size());
        }
    }

    /// Makes an allocation larger, in place where it can. On an error it is as it was.
    ///
    /// # Safety
    /// 1. `values` was handed out for `old` by this very pool, and was not given back since.
    /// 2. `new.size()` is at least `old.size()`.
    /// 3. On success only the returned pointer is used from here on.
    #[inline]
    pub unsafe fn grow(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if self.is_small(old)
            && self.is_small(new)
            && self.is_newest(values, old.size())
            && is_aligned(values, new)
        {
            // No overflow: a block has room above it for a small request.
            let last = values.as_ptr().wrapping_add(new.size()).wrapping_sub(1);
            if last.addr() < self.end.get().addr() {
                self.last.set(last);
                shadow::permit(values, new.size());
                return Ok(values);
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.grow_cold(values, old, new) }
    }

    /// Makes an allocation smaller, in place where it can. On an error it is as it was.
    ///
    /// # Safety
    /// 1. `values` was handed out for `old` by this very pool, and was not given back since.
    /// 2. `new.size()` is at most `old.size()`.
    /// 3. On success only the returned pointer is used from here on.
    pub unsafe fn shrink(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if !(self.is_small(old) && self.is_small(new) && is_aligned(values, new)) {
            // SAFETY: the caller's promise.
            return unsafe { self.move_or_resize(values, old, new) };
        }
        // SAFETY: the new size is within the old one, by the caller's promise.
        let rest = unsafe { values.add(new.size()) };
        let rest_size = old.size().saturating_sub(new.size());
        if self.is_newest(values, old.size()) {
            self.set_cursor(rest);
            shadow::forbid(rest, rest_size);
        } else {
            // SAFETY: the caller gives the end of its allocation up.
            unsafe { self.freed.put(rest, rest_size) };
        }
        Ok(values)
    }

    /// Whether a request is neither empty nor large: one comparison, as the size less one of an
    /// empty layout wraps round. It depends on the layout alone, so that a block's home is known
    /// when it comes back.
    #[inline(always)]
    pub(super) fn is_small(&self, layout: Layout) -> bool {
        (layout.size().wrapping_sub(1) | (layout.align() - 1)) < self.large_threshold
    }

    /// Hands out the next bytes of the current block, if it has them, for a small request.
    #[inline(always)]
    fn bump(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the cell is ours, and alive. Volatile only so that the compiler makes it a load
        // of its own: the processor serves such a load from the store of the call before, and a
        // load within an `or` waits for that store; which takes twice the time for the whole call.
        let last = unsafe { self.last.as_ptr().read_volatile() };
        self.bump_from(last, layout)
    }

    /// Hands out the next bytes of the current block, if it has them, for a small type.
    #[inline(always)]
    pub(super) fn bump_for<T>(&self) -> Option<NonNull<T>> {
        self.bump_from(self.last.get(), Layout::new::<T>()).map(NonNull::cast)
    }

    /// Hands out the bytes behind `last`, rounded up. Nothing of this overflows: a block has room
    /// above it for a small request and its alignment. Without a block, `end` is null.
    #[inline(always)]
    fn bump_from(&self, last: *mut u8, layout: Layout) -> Option<NonNull<u8>> {
        let skipped = last.addr() | (layout.align() - 1);
        let new_last = skipped.wrapping_add(layout.size());
        if new_last >= self.end.get().addr() {
            return None;
        }
        self.last.set(last.with_addr(new_last));
        let values = last.with_addr(skipped.wrapping_add(1));
        // SAFETY: above `last`, and not above `end`, which is not null.
        let values = unsafe { NonNull::new_unchecked(values) };
        shadow::permit(values, layout.size());
        Some(values)
    }

    #[inline(always)]
    fn is_newest(&self, values: NonNull<u8>, size: usize) -> bool {
        values.addr().get().wrapping_add(size).wrapping_sub(1) == self.last.get().addr()
    }

    /// Serves what the current block cannot: empty and large requests, and those for which another
    /// place must be found.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_cold(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(dangling(layout));
        }
        if !self.is_small(layout) {
            return self.large.alloc(self.supply(), layout, Fill::Any);
        }
        if let Some(values) = self.freed.take(layout) {
            return Ok(values);
        }
        if let Some(values) = self.alloc_in_tails(layout) {
            return Ok(values);
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
        // Blocks start aligned to `Block::ALIGN`; a stricter alignment may need padding.
        let padding = layout.align().saturating_sub(Block::ALIGN);
        let need = layout.size().checked_add(padding).ok_or(AllocError)?;
        let block = self.supply().take(need)?;
        let values = block.hand_out(layout).ok_or(AllocError)?;
        match self.block.get() {
            Some(current) if self.room() > block.room() => {
                block.set_next(current.next());
                current.set_next(Some(block));
            }
            current => {
                if let Some(current) = current {
                    self.save_cursor(current);
                }
                block.set_next(current);
                self.make_current(block);
            }
        }
        Ok(values)
    }

    /// The free bytes of the current block, where there is one.
    fn room(&self) -> usize {
        self.end.get().addr().wrapping_sub(self.last.get().addr()).wrapping_sub(1)
    }

    /// Gives back what does not lie in a block.
    ///
    /// # Safety
    /// As [`Pool::dealloc`], for a layout that is not small.
    #[cold]
    #[inline(never)]
    unsafe fn dealloc_cold(&self, values: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: neither small nor empty, hence large, and live by the caller's promise.
            unsafe { self.large.free(self.supply(), values, layout.align()) };
        }
    }

    /// Makes an allocation larger where its end is not the cursor or the block is full.
    ///
    /// # Safety
    /// As [`Pool::grow`].
    #[cold]
    #[inline(never)]
    unsafe fn grow_cold(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.move_or_resize(values, old, new) }
    }

    /// Changes an allocation's size: through the system where both layouts are large and of one
    /// alignment, else by moving it.
    ///
    /// # Safety
    /// 1. `values` was handed out for `old` by this very pool, and was not given back since.
    /// 2. On success only the returned pointer is used from here on.
    unsafe fn move_or_resize(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let is_large = |layout: Layout| layout.size() != 0 && !self.is_small(layout);
        if is_large(old) && is_large(new) && old.align() == new.align() {
            // SAFETY: large and live, and of the new alignment.
            return unsafe { self.large.resize(self.supply(), values, new) };
        }
        let moved = self.alloc_layout(new)?;
        let bytes = old.size().min(new.size());
        // SAFETY: both are live and at least so many bytes long; the new one is nobody else's yet.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), moved.as_ptr(), bytes) };
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(values, old) };
        Ok(moved)
    }
}

fn is_aligned(values: NonNull<u8>, layout: Layout) -> bool {
    values.addr().get() & (layout.align() - 1) == 0
}

/// A well-aligned pointer to no bytes.
fn dangling(layout: Layout) -> NonNull<u8> {
    let address = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is not zero.
    unsafe { NonNull::new_unchecked(address) }
}
