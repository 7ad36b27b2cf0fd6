//! `ViewError`: why a heap that is looked at cannot be seen.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;

use crate::shared::heap::heap_damage::HeapDamage;

/// Why a [`HeapView`](crate::HeapView) does not show what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ViewError {
    /// What was looked at is what no sequence of operations leaves behind.
    Damaged(HeapDamage),
    /// Others have changed the heap during each look. Try again.
    Busy,
    /// Its file was cut off.
    CutOff,
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => damage.fmt(f),
            Self::Busy => f.write_str("others have changed the heap during each look at it"),
            Self::CutOff => f.write_str("the file of the heap was cut off"),
        }
    }
}

impl Error for ViewError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(damage) => Some(damage),
            Self::Busy | Self::CutOff => None,
        }
    }
}
