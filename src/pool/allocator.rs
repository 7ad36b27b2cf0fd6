//! Pools as allocators for collections: the traits of other crates and of `core`.
#![expect(unsafe_code, reason = "implements unsafe traits")]

/// Implements one `Allocator` trait for one handle. They are alike but for their paths.
macro_rules! implement_allocator {
    ($api:path, $handle:ty) => {
        const _: () = {
            use core::alloc::Layout;
            use core::ptr::NonNull;
            use $api::{AllocError, Allocator};

            use crate::pool::pool::Pool;

            // SAFETY: memory stays valid until it is given back or the pool is emptied, which the
            // handle's borrow excludes; all copies of a handle lead to one pool; no method unwinds.
            unsafe impl Allocator for $handle {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    sized(self.reserve(layout), layout)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    sized(self.zeroed(layout, Pool::reserve), layout)
                }

                #[inline]
                unsafe fn deallocate(&self, values: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller's promise.
                    unsafe { self.dealloc(values, layout) }
                }

                #[inline]
                unsafe fn grow(
                    &self,
                    values: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    sized(unsafe { (**self).grow(values, old, new) }, new)
                }

                #[inline]
                unsafe fn grow_zeroed(
                    &self,
                    values: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    let grown = unsafe { (**self).grow(values, old, new) };
                    if let Ok(values) = grown {
                        // SAFETY: the old size is within the new one.
                        let added = unsafe { values.add(old.size()) };
                        // SAFETY: so many bytes were added behind it.
                        unsafe { added.write_bytes(0, new.size().wrapping_sub(old.size())) };
                    }
                    sized(grown, new)
                }

                #[inline]
                unsafe fn shrink(
                    &self,
                    values: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    sized(unsafe { (**self).shrink(values, old, new) }, new)
                }
            }

            /// Exactly what was asked for: a caller may give memory back with any size up to the
            /// one returned, and the size tells where it lies.
            #[inline]
            fn sized(
                values: Result<NonNull<u8>, crate::error::AllocError>,
                layout: Layout,
            ) -> Result<NonNull<[u8]>, AllocError> {
                match values {
                    Ok(values) => Ok(NonNull::slice_from_raw_parts(values, layout.size())),
                    Err(_) => Err(AllocError),
                }
            }
        };
    };
}

#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &crate::pool::pool::Pool);
#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &crate::pool::scope::Scope<'_, '_>);
#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &crate::pool::cache::CachedPool<'_>);

#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &crate::pool::pool::Pool);
#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &crate::pool::scope::Scope<'_, '_>);
#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &crate::pool::cache::CachedPool<'_>);

#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &crate::pool::pool::Pool);
#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &crate::pool::scope::Scope<'_, '_>);
#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &crate::pool::cache::CachedPool<'_>);
