//! An owner of a slab, who keeps a plain list of what he has.

use std::collections::BTreeMap;

use super::fixed_tables::FixedTables;
use super::operation::Operation;
use crate::geometry::PAGE_BYTES;

/// Offsets and bytes of all blocks that are handed out, in order.
pub(super) type Live = Vec<(usize, usize)>;

/// Who has all blocks of a slab, and its tables.
pub(super) struct Owner {
    tables: Box<FixedTables>,
    live: BTreeMap<usize, usize>,
}

impl Owner {
    /// Nothing is handed out.
    pub(super) fn new() -> Self {
        Self { tables: FixedTables::new(), live: BTreeMap::new() }
    }

    /// Returns the offset that it was about; none if it was refused.
    pub(super) fn perform(&mut self, operation: Operation) -> Option<usize> {
        let slab = self.tables.slab();
        let (offset, bytes) = operation.act(slab).ok()??;
        operation.finish(slab);
        if bytes == 0 {
            self.live.remove(&offset)
        } else {
            self.live.insert(offset, bytes)
        };
        Some(offset)
    }

    /// Takes the next free pages: also so few that a class would have them.
    pub(super) fn take_pages(&mut self, pages: u32) -> usize {
        let slab = self.tables.slab();
        let place = slab.place_for(pages, 1).expect("there is room");
        slab.settle(place, pages, None);
        let offset = place.first as usize * PAGE_BYTES;
        self.live.insert(offset, pages as usize * PAGE_BYTES);
        offset
    }

    pub(super) fn tables(&self) -> &FixedTables {
        &self.tables
    }

    pub(super) fn live(&self) -> Live {
        self.live.iter().map(|(&offset, &bytes)| (offset, bytes)).collect()
    }
}

impl Clone for Owner {
    fn clone(&self) -> Self {
        Self { tables: self.tables.copy(), live: self.live.clone() }
    }
}
