//! Slab pools as the memory of a whole program.
#![expect(unsafe_code, reason = "implements an unsafe trait")]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use super::pool::SlabPool;
use crate::error::AllocError;

// SAFETY: what is handed out stays until it is given back; the pool uses no memory but its own, so that
// nothing here comes back to it; nothing here unwinds, since what could be wrong aborts.
unsafe impl GlobalAlloc for SlabPool {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        or_null(self.alloc_layout(layout))
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        or_null(self.alloc_zeroed(layout))
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(memory) = NonNull::new(memory) {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(memory, layout) };
        }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, old: Layout, bytes: usize) -> *mut u8 {
        let (Some(memory), Ok(new)) =
            (NonNull::new(memory), Layout::from_size_align(bytes, old.align()))
        else {
            return ptr::null_mut();
        };
        // SAFETY: the caller's promise.
        or_null(unsafe { self.resize(memory, old, new) })
    }
}

#[inline]
fn or_null(memory: Result<NonNull<u8>, AllocError>) -> *mut u8 {
    memory.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Under all tests of this crate, with `--cfg aquifer_in_slab`.
#[cfg(aquifer_in_slab)]
#[global_allocator]
static MEMORY: SlabPool = SlabPool::const_new(1 << 30);
