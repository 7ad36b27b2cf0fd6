//! `RegionError`: why there is no region of memory.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use std::io;

/// Why a pool of a fixed size could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegionError {
    /// There is no room for the tables and a page.
    TooSmall {
        /// The fewest bytes that would do.
        minimum: usize,
    },
    /// The system has refused the memory.
    System(io::Error),
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { minimum } => write!(f, "a region needs at least {minimum} bytes"),
            Self::System(error) => write!(f, "the system refused the memory: {error}"),
        }
    }
}

impl Error for RegionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::TooSmall { .. } => None,
        }
    }
}
