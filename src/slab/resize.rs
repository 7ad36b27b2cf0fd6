//! Growing and shrinking in place.
#![forbid(unsafe_code)]

use super::blocks::Block;
use super::slab::{Found, Grant, Misuse, Slab, pages_for};
use crate::geometry::{Class, PAGE_BYTES};

impl Slab<'_> {
    /// Makes a block hold `bytes` bytes where it is, if it can; `None` if another place is needed, or,
    /// for fewer bytes than it has, would be better.
    ///
    /// # Errors
    ///
    /// No block begins there, or it is free; and nothing has changed.
    pub(crate) fn resize(&self, offset: usize, bytes: usize) -> Result<Option<Grant>, Misuse> {
        Ok(match self.find(offset)? {
            Found::Block(block) if !block.is_taken() => return Err(Misuse::Freed),
            Found::Block(Block { class, .. }) => {
                let block_bytes = class.plan().block_bytes as usize;
                let stays = bytes <= block_bytes && Class::of(bytes, 1) == Some(class);
                stays.then_some(Grant { offset, bytes: block_bytes, zero_from: block_bytes })
            }
            Found::Whole { page, pages } => self.resize_whole(page, pages, bytes),
        })
    }

    fn resize_whole(&self, page: u32, pages: u32, bytes: usize) -> Option<Grant> {
        let wanted = pages_for(bytes)?;
        if Class::of(bytes, 1).is_some() && wanted < pages {
            return None;
        }
        let mut zero_from = pages;
        if wanted > pages {
            let (more, free) = (wanted - pages, self.free_after(page + pages)?);
            if free < more {
                return None;
            }
            zero_from = self.header.fresh.get().clamp(pages + page, wanted + page) - page;
            self.extend(page, pages, more, free);
        } else if wanted < pages {
            self.cut(page, pages, wanted);
            zero_from = wanted;
        }
        let in_bytes = |pages: u32| pages as usize * PAGE_BYTES;
        let offset = in_bytes(page);
        Some(Grant { offset, bytes: in_bytes(wanted), zero_from: in_bytes(zero_from) })
    }
}
