//! `FromUtf8Error`: bytes that are no text.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::str::Utf8Error;

use super::vec::ShmVec;

/// Bytes that are not UTF-8, and where they are not: see [`ShmString::from_utf8`](crate::ShmString::from_utf8).
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmString, ShmVec};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let bytes = ShmVec::from_slice_in(b"caf\xE9", &heap)?;
/// let error = ShmString::from_utf8(bytes).unwrap_err();
/// assert_eq!(error.utf8_error().valid_up_to(), 3);
/// assert_eq!(error.into_bytes(), b"caf\xE9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FromUtf8Error {
    pub(super) bytes: ShmVec<u8>,
    pub(super) error: Utf8Error,
}

impl FromUtf8Error {
    /// Returns the bytes.
    #[must_use]
    pub fn into_bytes(self) -> ShmVec<u8> {
        self.bytes
    }

    /// Returns where they are not UTF-8.
    #[must_use]
    pub fn utf8_error(&self) -> Utf8Error {
        self.error
    }
}

impl fmt::Display for FromUtf8Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for FromUtf8Error {}
