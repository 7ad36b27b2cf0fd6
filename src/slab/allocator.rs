//! Slab pools as allocators for collections.
#![expect(unsafe_code, reason = "implements unsafe traits")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::pool::SlabPool;
use crate::allocator::Memory;
use crate::error::AllocError;

// SAFETY: blocks stay until they are given back, or the pool is dropped; what could unwind aborts.
unsafe impl Memory for SlabPool {
    #[inline]
    fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc_layout(layout)
    }

    #[inline]
    fn reserve_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc_zeroed(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(values, layout) }
    }

    #[inline]
    unsafe fn resize(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.resize(values, old, new) }
    }
}

#[cfg(feature = "allocator-api2")]
crate::allocator::implement_allocator!(allocator_api2::alloc, &SlabPool, SlabPool);
#[cfg(feature = "allocator-api2-04")]
crate::allocator::implement_allocator!(allocator_api2_04::alloc, &SlabPool, SlabPool);
#[cfg(feature = "nightly")]
crate::allocator::implement_allocator!(core::alloc, &SlabPool, SlabPool);
