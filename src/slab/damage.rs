//! What no sequence of operations leaves behind: somebody else has written into a slab.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;

use super::page::Word;

/// What is wrong in the tables of a pool.
///
/// Its text names the place. Nothing in the pool is to be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlabDamage(pub(crate) Damage);

impl fmt::Display for SlabDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "somebody has written into the tables of a slab: {}", self.0)
    }
}

impl Error for SlabDamage {}

/// Why a slab is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Damage {
    /// Where a run is to begin, the word of the page tells of none.
    NoRun { page: u32, word: Word },
    /// A run reaches beyond the last page.
    TooLong { page: u32, word: Word },
    /// Bits of a bitmap are clear that are of no block.
    Bitmap { page: u32 },
    /// A list or a count is not what the pages say.
    Cache { what: &'static str, page: u32 },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRun { page, word } => write!(f, "no run begins at page {page}: {word:?}"),
            Self::TooLong { page, word } => {
                write!(f, "the run at page {page} is longer than the region: {word:?}")
            }
            Self::Bitmap { page } => {
                write!(f, "the bitmap of page {page} has blocks that are none")
            }
            Self::Cache { what, page } => write!(f, "{what} is wrong at page {page}"),
        }
    }
}
