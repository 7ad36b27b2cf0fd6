//! The `Allocator` traits of other crates and of `core`, for whatever is a [`Memory`].
#![expect(unsafe_code, reason = "has duties for implementors and callers")]
#![cfg_attr(
    not(any(feature = "allocator-api2", feature = "allocator-api2-04", feature = "nightly")),
    allow(dead_code, unused_imports, unused_macros, reason = "no trait is implemented")
)]

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::error::AllocError;

/// What hands memory out and takes it back, behind the traits.
///
/// # Safety
///
/// No method unwinds. What is handed out holds the layout, and is nobody else's until it is given
/// back or the memory is emptied by a `&mut` method or dropped.
pub(crate) unsafe trait Memory {
    fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    fn reserve_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// # Safety
    ///
    /// `values` was reserved for `layout` here, was not given back since, and is used no more.
    unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout);

    /// Makes what was reserved larger or smaller. On an error it is as it was.
    ///
    /// # Safety
    ///
    /// `values` was reserved for `old` here and not given back since. On success only the returned
    /// pointer is used from here on.
    #[inline]
    unsafe fn resize(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { move_elsewhere(self, values, old, new) }
    }

    /// # Safety
    ///
    /// As [`Memory::resize`], and `new` is no smaller.
    #[inline]
    unsafe fn grow(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.resize(values, old, new) }
    }

    /// # Safety
    ///
    /// As [`Memory::resize`], and `new` is no larger.
    #[inline]
    unsafe fn shrink(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.resize(values, old, new) }
    }
}

/// Reserves for `new`, copies what both hold, and gives the old memory back.
///
/// # Safety
///
/// As [`Memory::resize`].
#[inline]
pub(crate) unsafe fn move_elsewhere(
    memory: &(impl Memory + ?Sized),
    values: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    let place = memory.reserve(new)?;
    let kept = old.size().min(new.size());
    // SAFETY: both hold so many bytes, the old one by the caller's promise. In a shared heap whose tables somebody
    // has written into, one may be the other.
    unsafe { values.copy_to(place, kept) };
    // SAFETY: the caller's promise.
    unsafe { memory.dealloc(values, old) };
    Ok(place)
}

/// Implements one `Allocator` trait for one handle to a [`Memory`]. They are alike but for their paths.
macro_rules! implement_allocator {
    ($api:path, $handle:ty, $memory:ty) => {
        const _: () = {
            use core::alloc::Layout;
            use core::ptr::NonNull;
            use $api::{AllocError, Allocator};

            use $crate::allocator::Memory;

            // SAFETY: memory stays valid until it is given back or the memory is emptied, which the
            // handle's borrow excludes; all copies of a handle lead to one; no method unwinds.
            unsafe impl Allocator for $handle {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    sized(<$memory as Memory>::reserve(self, layout), layout)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    sized(<$memory as Memory>::reserve_zeroed(self, layout), layout)
                }

                #[inline]
                unsafe fn deallocate(&self, values: NonNull<u8>, layout: Layout) {
                    // SAFETY: the caller's promise.
                    unsafe { <$memory as Memory>::dealloc(self, values, layout) }
                }

                #[inline]
                unsafe fn grow(
                    &self,
                    values: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    sized(unsafe { <$memory as Memory>::grow(self, values, old, new) }, new)
                }

                #[inline]
                unsafe fn grow_zeroed(
                    &self,
                    values: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the caller's promise.
                    let grown = unsafe { <$memory as Memory>::grow(self, values, old, new) };
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
                    sized(unsafe { <$memory as Memory>::shrink(self, values, old, new) }, new)
                }
            }

            /// Exactly what was asked for: a caller may give memory back with any size up to the
            /// one returned, and the size tells where it lies.
            #[inline]
            fn sized(
                values: Result<NonNull<u8>, $crate::error::AllocError>,
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
pub(crate) use implement_allocator;
