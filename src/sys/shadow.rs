//! The shadow memory of AddressSanitizer: which bytes of a pool may be touched.
//!
//! Built with `--cfg asan` these functions tell the sanitizer's run time; otherwise they are empty.
#![cfg_attr(asan, expect(unsafe_code, reason = "calls the sanitizer's run time"))]

use core::ptr::NonNull;

/// Declares `bytes` bytes from `start` on out of bounds, until they are handed out again.
#[inline(always)]
pub(crate) fn forbid(start: NonNull<u8>, bytes: usize) {
    #[cfg(asan)]
    // SAFETY: the run time marks shadow memory only, and accepts any range of addresses.
    unsafe {
        __asan_poison_memory_region(start.as_ptr().cast(), bytes)
    };
    let _ = (start, bytes);
}

/// Declares `bytes` bytes from `start` on in bounds.
#[inline(always)]
pub(crate) fn permit(start: NonNull<u8>, bytes: usize) {
    #[cfg(asan)]
    // SAFETY: the run time marks shadow memory only, and accepts any range of addresses.
    unsafe {
        __asan_unpoison_memory_region(start.as_ptr().cast(), bytes)
    };
    let _ = (start, bytes);
}

#[cfg(asan)]
unsafe extern "C" {
    fn __asan_poison_memory_region(start: *const core::ffi::c_void, bytes: usize);
    fn __asan_unpoison_memory_region(start: *const core::ffi::c_void, bytes: usize);
}
