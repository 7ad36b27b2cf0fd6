//! `Text`: a page that grows in a pool, and is refused where the pool's limit is reached.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use allocator_api2::vec::Vec;
use aquifer::Pool;

use crate::status_code::StatusCode;

/// Text in a pool. Unlike `push` of a vector, which ends the process where there is no memory, it says so.
#[derive(Debug)]
pub(crate) struct Text<'pool> {
    bytes: Vec<u8, &'pool Pool>,
}

impl<'pool> Text<'pool> {
    pub(crate) fn new_in(pool: &'pool Pool) -> Self {
        Self { bytes: Vec::new_in(pool) }
    }

    /// Leaves the bytes to the pool, which has them for as long as the request is under way.
    pub(crate) fn into_bytes(self) -> &'pool [u8] {
        Vec::leak(self.bytes)
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.try_reserve(text.len()).map_err(|_| fmt::Error)?;
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The only reason why a text takes no more.
impl From<fmt::Error> for StatusCode {
    fn from(_: fmt::Error) -> Self {
        Self::UNAVAILABLE
    }
}

/// What others have sent, as it may stand in a page.
#[derive(Debug)]
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
            f.write_str(&rest[..at])?;
            write!(f, "&#{};", rest.as_bytes()[at])?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}
