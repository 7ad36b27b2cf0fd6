//! Memory of this process alone, straight from the system.
#![expect(unsafe_code, reason = "maps memory")]

use core::ptr::{self, NonNull};
use std::io;

/// Maps `bytes` bytes of zeros. Pages that are never touched cost nothing but address space.
///
/// # Errors
///
/// Those of `mmap`.
pub(crate) fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives back what [`map`] has mapped.
///
/// # Safety
///
/// `start` and `bytes` are of a call of [`map`], and nobody uses the memory any more.
pub(crate) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's duty.
    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}
