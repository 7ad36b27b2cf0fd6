//! The operations of a slab as values.

use super::phase::Phase;
use crate::geometry::PAGE_BYTES;
use crate::slab::blocks::Block;
use crate::slab::slab::{Found, Misuse, Slab};

#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Allocate { bytes: usize, align: usize },
    Free { offset: usize },
    Resize { offset: usize, bytes: usize },
}

impl Operation {
    /// Does all but what is left for [`Operation::finish`]. Returns what it was about: an offset, and
    /// how many bytes the owner has there from now on. None if it was refused.
    pub(super) fn act(self, slab: Slab<'_>) -> Result<Option<(usize, usize)>, Misuse> {
        let grant = match self {
            Self::Allocate { bytes, align } => slab.allocate(bytes, align),
            Self::Resize { offset, bytes } => slab.resize(offset, bytes)?,
            Self::Free { offset } => {
                // Whoever frees knows what was asked for.
                let bytes = match slab.find(offset)? {
                    Found::Block(Block { class, .. }) => class.plan().block_bytes as usize,
                    Found::Whole { pages, .. } => pages as usize * PAGE_BYTES,
                };
                if !slab.give(offset, bytes, 1) {
                    slab.free(offset)?;
                }
                return Ok(Some((offset, 0)));
            }
        };
        Ok(grant.map(|grant| (grant.offset, grant.bytes)))
    }

    pub(super) fn finish(self, slab: Slab<'_>) {
        if let Self::Allocate { .. } = self {
            slab.done();
        }
    }

    /// The phase with the one instruction that makes all the difference.
    pub(super) fn decided_in(self) -> Phase {
        match self {
            Self::Allocate { .. } => Phase::Finishing,
            _ => Phase::Acting,
        }
    }
}
