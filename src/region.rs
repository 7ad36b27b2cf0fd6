//! `Region`: a run of memory; where an offset becomes an address, and nowhere else.
#![expect(unsafe_code, reason = "computes addresses")]

use core::ptr::NonNull;

/// A run of mapped memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is an address and a number, which mean the same on all threads; reading or writing there is the
// users' own.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// # Safety
    ///
    /// So many bytes from `start` on are one allocation, for as long as addresses in it are used.
    pub(crate) const unsafe fn new(start: NonNull<u8>, bytes: usize) -> Self {
        Self { start, bytes }
    }

    /// The address of `bytes` bytes at an offset; none if they do not lie within.
    #[inline]
    pub(crate) fn at(self, offset: usize, bytes: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes) {
            return None;
        }
        // SAFETY: at most one past the end, as was looked at above.
        Some(unsafe { self.start.add(offset) })
    }

    pub(crate) const fn start(self) -> NonNull<u8> {
        self.start
    }

    /// Where it begins, as a number.
    #[inline]
    pub(crate) fn address(self) -> usize {
        self.start.addr().get()
    }

    /// Where an address lies; outside, for one before the start, too.
    #[inline]
    pub(crate) fn offset_of(self, address: NonNull<u8>) -> usize {
        address.addr().get().wrapping_sub(self.start.addr().get())
    }
}
