//! Private memory that a forked child finds empty.
#![expect(unsafe_code, reason = "advises the kernel about memory")]

use core::ptr::NonNull;
use std::io;

use super::private;

/// Maps `bytes` bytes of zeros, which are zeros again in every child that is forked, by whatever
/// call.
///
/// # Errors
///
/// Those of `mmap`; and of `madvise`, which refuses before Linux 4.14.
pub(crate) fn map(bytes: usize) -> io::Result<NonNull<u8>> {
    let start = private::map(bytes)?;
    // SAFETY: the range was mapped above, and nobody else knows of it yet.
    if unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_WIPEONFORK) } == 0 {
        return Ok(start);
    }
    let refusal = io::Error::last_os_error();
    // SAFETY: mapped above with this length.
    unsafe { private::unmap(start, bytes) };
    Err(refusal)
}

/// Gives back what [`map`] has mapped.
///
/// # Safety
///
/// `start` and `bytes` are of a call of [`map`], and nobody uses the memory any more.
pub(crate) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise; that is private memory.
    unsafe { private::unmap(start, bytes) };
}
