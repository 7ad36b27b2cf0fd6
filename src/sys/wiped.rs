//! Private memory that a forked child finds empty.
#![expect(unsafe_code, reason = "maps memory")]

use core::ptr::{self, NonNull};
use std::io;

/// Maps `bytes` bytes of zeros, which are zeros again in every child that is forked, by whatever
/// call. They stay mapped; pages that are never touched cost nothing.
///
/// # Errors
///
/// Those of `mmap`; and of `madvise`, which refuses before Linux 4.14.
pub(crate) fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the range was mapped above, and nobody else knows of it yet.
    let wiped = unsafe { libc::madvise(start, bytes, libc::MADV_WIPEONFORK) } == 0;
    let refusal = io::Error::last_os_error();
    let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
    if wiped {
        return Ok(start);
    }
    // SAFETY: mapped above with this length.
    unsafe { unmap(start, bytes) };
    Err(refusal)
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
