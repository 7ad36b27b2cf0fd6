//! Requests by layout: the pool's hot path, and what stands behind it.
//!
//! None of these functions unwinds, as the contract of `Allocator` demands: sums are made so that
//! they cannot overflow, and no slice is indexed by a computed number.
#![expect(unsafe_code, reason = "turns the cursor into pointers and frees what was handed out")]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use super::block::Block;
use super::freed::GRAIN;
use super::large::Fill;
use super::pool::Pool;
use crate::error::AllocError;
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

    /// Allocates memory for `layout` that may be given back, or be resized, before the pool is
    /// reset.
    #[inline]
    pub(super) fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let share = Share::of(layout);
        if self.is_small(share) {
            if let Some(values) = self.bump(share.mask, share.bytes()) {
                shadow::permit(values, layout.size());
                return Ok(values);
            }
        }
        self.reserve_cold(layout)
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

    /// Gives memory back before the pool is reset: a large request returns to the system at once,
    /// the newest small one to the cursor, and any other of two words or more waits for a later
    /// request.
    ///
    /// # Safety
    /// 1. `values` was reserved for `layout` in this very pool, and was not given back since.
    /// 2. Nobody uses the memory from here on.
    #[inline]
    pub(super) unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout) {
        let share = Share::of(layout);
        if !self.is_small(share) {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc_cold(values, layout) };
        } else if self.is_newest(values, share) {
            self.set_cursor(values.addr().get());
            shadow::forbid(values, layout.size());
        } else {
            // SAFETY: the caller gives up memory that lies in one of our blocks.
            unsafe { self.freed.put(values.addr().get(), share.bytes()) };
        }
    }

    /// Makes an allocation larger, in place where it can. On an error it is as it was.
    ///
    /// # Safety
    /// 1. `values` was reserved for `old` in this very pool, and was not given back since.
    /// 2. `new.size()` is at least `old.size()`.
    /// 3. On success only the returned pointer is used from here on.
    #[inline]
    pub(super) unsafe fn grow(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let (share, new_share) = (Share::of(old), Share::of(new));
        if self.is_small(share)
            && self.is_small(new_share)
            && self.is_newest(values, share)
            && is_aligned(values, new)
        {
            // No overflow: a block has room above it for a small request.
            let new_last = values.addr().get().wrapping_add(new_share.last);
            if new_last < self.end.get().addr() {
                let last = self.last.get().with_addr(new_last);
                self.last.set(last);
                shadow::permit(values, new.size());
                // SAFETY: the address of the caller's pointer, which is not null.
                return Ok(unsafe { NonNull::new_unchecked(last.with_addr(values.addr().get())) });
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.grow_cold(values, old, new) }
    }

    /// Makes an allocation smaller, in place where it can. On an error it is as it was.
    ///
    /// # Safety
    /// 1. `values` was reserved for `old` in this very pool, and was not given back since.
    /// 2. `new.size()` is at most `old.size()`.
    /// 3. On success only the returned pointer is used from here on.
    pub(super) unsafe fn shrink(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let (share, new_share) = (Share::of(old), Share::of(new));
        let stays = self.is_small(share) && new_share.last <= share.last && is_aligned(values, new);
        if !stays {
            // SAFETY: the caller's promise.
            return unsafe { self.move_or_resize(values, old, new) };
        }
        let rest = values.addr().get().wrapping_add(new_share.bytes());
        if self.is_newest(values, share) {
            self.set_cursor(rest);
        } else {
            // SAFETY: the caller gives the end of its allocation up, in whole grains.
            unsafe { self.freed.put(rest, share.last.wrapping_sub(new_share.last)) };
        }
        shadow::forbid(values, old.size());
        shadow::permit(values, new.size());
        Ok(values)
    }

    /// Whether a request is neither empty nor large: one comparison. It depends on the layout alone,
    /// so that the home of memory is known when it comes back.
    #[inline(always)]
    fn is_small(&self, share: Share) -> bool {
        share.last < self.large_threshold
    }

    fn is_large(&self, layout: Layout) -> bool {
        layout.size() != 0 && !self.is_small(Share::of(layout))
    }

    /// Hands out the next bytes of the current block, if it has them.
    #[inline(always)]
    fn bump(&self, mask: usize, bytes: usize) -> Option<NonNull<u8>> {
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

    #[inline(always)]
    fn is_newest(&self, values: NonNull<u8>, share: Share) -> bool {
        values.addr().get().wrapping_add(share.last) == self.last.get().addr()
    }

    /// As [`alloc_cold`](Self::alloc_cold), for memory that may come back.
    #[cold]
    #[inline(never)]
    fn reserve_cold(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let share = Share::of(layout);
        if !self.is_small(share) {
            return self.alloc_cold(layout);
        }
        let values = self.alloc_elsewhere(share.layout())?;
        shadow::forbid(values, share.bytes());
        shadow::permit(values, layout.size());
        Ok(values)
    }

    /// Serves what the hot path cannot: empty and large requests, and those for which another place
    /// must be found.
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_cold(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(dangling(layout));
        }
        if self.is_large(layout) {
            return self.large.alloc(self.supply(), layout, Fill::Any);
        }
        self.alloc_elsewhere(layout)
    }

    /// Serves a small request from the first of: a freed piece, the end of an older block, freed
    /// neighbours, joined, and another block.
    fn alloc_elsewhere(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.block.get() {
            None => self.alloc_in_next_block(layout),
            Some(_) => self.alloc_behind(layout),
        }
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
        if self.freed.join_neighbours() {
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
        // Blocks start aligned to `Block::ALIGN`; a stricter alignment may need padding.
        let padding = layout.align().saturating_sub(Block::ALIGN);
        let need = layout.size().checked_add(padding).ok_or(AllocError)?;
        let block = self.supply().take(need, self.next_block_size())?;
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

    /// Twice the size of the block that came last.
    fn next_block_size(&self) -> usize {
        let supply = self.supply();
        let Some(current) = self.block.get() else { return supply.first_block_size() };
        let behind = current.next().filter(|behind| behind.size() > current.size());
        supply.double(behind.unwrap_or(current))
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
    /// 1. `values` was reserved for `old` in this very pool, and was not given back since.
    /// 2. On success only the returned pointer is used from here on.
    unsafe fn move_or_resize(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if self.is_large(old) && self.is_large(new) && old.align() == new.align() {
            // SAFETY: large and live, and of the new alignment.
            return unsafe { self.large.resize(self.supply(), values, new) };
        }
        let moved = if self.is_large(old) && new.size() <= old.size() {
            // It may move where the limit is reached: what it leaves is more than what it needs.
            // SAFETY: large, and live by the caller's promise.
            let leaves = unsafe { self.large.held_by(values) };
            self.supply().without(leaves, || self.reserve(new))?
        } else {
            self.reserve(new)?
        };
        let bytes = old.size().min(new.size());
        // SAFETY: both are live and at least so many bytes long; the new one is nobody else's yet.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), moved.as_ptr(), bytes) };
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(values, old) };
        Ok(moved)
    }
}

/// What a request that may come back takes of a block: its size, rounded up to its alignment and to
/// whole grains, and its alignment, which is a grain's at least. So freed neighbours touch.
#[derive(Clone, Copy)]
struct Share {
    /// The alignment less one.
    mask: usize,
    /// The bytes less one. Of an empty layout it wraps round and is above every threshold.
    last: usize,
}

impl Share {
    #[inline(always)]
    fn of(layout: Layout) -> Self {
        let mask = (layout.align() - 1) | (GRAIN - 1);
        Self { mask, last: layout.size().wrapping_sub(1) | mask }
    }

    #[inline(always)]
    fn bytes(self) -> usize {
        self.last.wrapping_add(1)
    }

    /// Of a small request.
    fn layout(self) -> Layout {
        let align = self.mask.wrapping_add(1);
        // SAFETY: the alignment is the greater of two powers of two, and a small request's bytes
        // are a multiple of it and far below `isize::MAX`.
        unsafe { Layout::from_size_align_unchecked(self.bytes(), align) }
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
