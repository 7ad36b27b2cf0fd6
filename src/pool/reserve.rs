//! Memory that may come back, or change its size, before the pool is reset: what stands behind the
//! `Allocator` traits. None of these functions unwinds, either.
#![expect(unsafe_code, reason = "takes back what was handed out")]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use super::pool::Pool;
use super::share::Share;
use crate::error::AllocError;
use crate::sys::shadow;

impl Pool {
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

    /// Gives memory back before the pool is reset: a large request returns to the system at once,
    /// the newest small one to the cursor, and any other waits for a later request.
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
        let (share, new_share) = (Share::of(old), Share::of(new));
        if self.is_small(share) && new_share.last == share.last && is_aligned(values, new) {
            // It has the room already.
            shadow::permit(values, new.size());
            return Ok(values);
        }
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

fn is_aligned(values: NonNull<u8>, layout: Layout) -> bool {
    values.addr().get() & (layout.align() - 1) == 0
}
