//! Pools as allocators for collections.
#![expect(unsafe_code, reason = "implements unsafe traits")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::cache::CachedPool;
use super::pool::Pool;
use super::scope::Scope;
use crate::allocator::{Memory, implement_allocator};
use crate::error::AllocError;

// SAFETY: blocks stay until `reset`, which takes the pool for itself, or the end; the functions of
// `reserve` do not unwind, and hand out what nobody else has.
unsafe impl Memory for Pool {
    #[inline]
    fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.reserve(layout)
    }

    #[inline]
    fn reserve_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.zeroed(layout, Self::reserve)
    }

    #[inline]
    unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(values, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.grow(values, old, new) }
    }

    #[inline]
    unsafe fn shrink(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.shrink(values, old, new) }
    }
}

#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &Pool, Pool);
#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &Scope<'_, '_>, Pool);
#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &CachedPool<'_>, Pool);

#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &Pool, Pool);
#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &Scope<'_, '_>, Pool);
#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &CachedPool<'_>, Pool);

#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &Pool, Pool);
#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &Scope<'_, '_>, Pool);
#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &CachedPool<'_>, Pool);
