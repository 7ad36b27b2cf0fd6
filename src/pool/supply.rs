//! The supply of a pool and its scopes: blocks kept for the next use, and the limit on all of it.
#![expect(unsafe_code, reason = "gives blocks back to the system")]

use core::cell::Cell;

use super::block::{Block, HEADER};
use super::builder::PoolBuilder;
use crate::error::AllocError;

/// How many kept blocks are looked at before a new one is made.
const PROBES: usize = 8;

/// Where a pool and its scopes get blocks from, and what they hold together.
pub(super) struct Supply {
    name: &'static str,
    large_threshold: usize,
    first_block_size: usize,
    largest_block_size: usize,
    retain: usize,
    /// Most bytes that may be charged.
    limit: Cell<usize>,
    /// Bytes held from the system: blocks in use, spare blocks and large allocations, with headers.
    charged: Cell<usize>,
    high_water: Cell<usize>,
    limit_hits: Cell<u64>,
    /// Size of the next block that is made, unless a request needs a larger one.
    next_size: Cell<usize>,
    /// Empty blocks, in a list.
    spare: Cell<Option<Block>>,
    spare_bytes: Cell<usize>,
}

impl Supply {
    #[inline]
    pub(super) const fn new(settings: &PoolBuilder) -> Self {
        Self {
            limit: Cell::new(settings.limit),
            charged: Cell::new(0),
            high_water: Cell::new(0),
            limit_hits: Cell::new(0),
            next_size: Cell::new(settings.first_block_size),
            spare: Cell::new(None),
            spare_bytes: Cell::new(0),
            name: settings.name,
            large_threshold: settings.large_threshold,
            first_block_size: settings.first_block_size,
            largest_block_size: settings.largest_block_size,
            retain: settings.retain,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn retain(&self) -> usize {
        self.retain
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.get()
    }

    pub(super) fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    pub(super) fn charged(&self) -> usize {
        self.charged.get()
    }

    pub(super) fn high_water(&self) -> usize {
        self.high_water.get()
    }

    pub(super) fn limit_hits(&self) -> u64 {
        self.limit_hits.get()
    }

    pub(super) fn spare_bytes(&self) -> usize {
        self.spare_bytes.get()
    }

    /// Charges `bytes` against the limit, giving spare blocks up where that makes the room.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), AllocError> {
        if bytes > self.room() {
            self.make_room(bytes)?;
        }
        let charged = self.charged.get().saturating_add(bytes);
        self.charged.set(charged);
        self.high_water.set(self.high_water.get().max(charged));
        Ok(())
    }

    #[cold]
    fn make_room(&self, bytes: usize) -> Result<(), AllocError> {
        self.trim(0);
        if bytes > self.room() {
            self.limit_hits.set(self.limit_hits.get().saturating_add(1));
            return Err(AllocError);
        }
        Ok(())
    }

    /// Takes back a charge.
    pub(super) fn discharge(&self, bytes: usize) {
        self.charged.set(self.charged.get().saturating_sub(bytes));
    }

    /// Bytes that may still be charged: none where the limit is below what is held.
    fn room(&self) -> usize {
        self.limit.get().saturating_sub(self.charged.get())
    }

    /// Hands out an empty block with room for at least `need` bytes of values.
    #[inline]
    pub(super) fn take(&self, need: usize) -> Result<Block, AllocError> {
        if self.spare_bytes.get() >= need {
            if let Some(block) = self.take_spare(need) {
                return Ok(block);
            }
        }
        self.make(need)
    }

    /// Unlinks the first spare block that has the room.
    #[inline(never)]
    fn take_spare(&self, need: usize) -> Option<Block> {
        let mut before: Option<Block> = None;
        let mut at = self.spare.get();
        for _ in 0..PROBES {
            let block = at?;
            if block.capacity() >= need {
                match before {
                    Some(before) => before.set_next(block.next()),
                    None => self.spare.set(block.next()),
                }
                self.spare_bytes.set(self.spare_bytes.get().saturating_sub(block.size()));
                block.set_next(None);
                return Some(block);
            }
            before = at;
            at = block.next();
        }
        None
    }

    /// Makes a block: twice as large as the one before up to the cap, smaller where only that is
    /// under the limit, and larger where the request needs it.
    fn make(&self, need: usize) -> Result<Block, AllocError> {
        let least = need.saturating_add(HEADER);
        let largest = self.largest_block_size;
        let mut size = self.next_size.get();
        while size < least && size < largest {
            size = size.saturating_mul(2).min(largest);
        }
        size = size.max(least);
        if size > self.room() {
            self.trim(0);
            size = size.min(self.room()).max(least);
        }
        self.charge(size)?;
        // A cursor moves past the end of its block by at most a request and its alignment.
        let clearance = self.large_threshold.saturating_mul(2);
        let Some(block) = Block::obtain(size, clearance) else {
            self.discharge(size);
            return Err(AllocError);
        };
        let doubled = self.next_size.get().saturating_mul(2);
        self.next_size.set(doubled.max(size).min(largest));
        Ok(block)
    }

    /// Makes the next block large enough for `bytes` in all, as far as such a block may be made and
    /// retained, and returns its size.
    pub(super) fn expect(&self, bytes: usize) -> usize {
        let most = self.largest_block_size.min(self.retain).max(self.first_block_size);
        let size = bytes.checked_next_power_of_two().map_or(most, |size| size.min(most));
        self.next_size.set(size.max(self.next_size.get()));
        size
    }

    /// Starts doubling from the first block's size again.
    pub(super) fn restart_growth(&self) {
        self.next_size.set(self.first_block_size);
    }

    /// Takes an unused block back: it is kept while at most `bound` bytes are, else released.
    ///
    /// # Safety
    /// Nothing that lies in the block, and no other copy of its handle, is used from here on.
    pub(super) unsafe fn put(&self, block: Block, bound: usize) {
        let spare_bytes = self.spare_bytes.get().saturating_add(block.size());
        if spare_bytes > bound {
            // SAFETY: the caller gives the block up.
            unsafe { self.release(block) };
            return;
        }
        block.clear();
        block.set_next(self.spare.get());
        self.spare.set(Some(block));
        self.spare_bytes.set(spare_bytes);
    }

    /// Releases spare blocks until at most `bound` bytes are kept.
    #[inline]
    pub(super) fn trim(&self, bound: usize) {
        if self.spare_bytes.get() > bound {
            self.release_spares(bound);
        }
    }

    #[cold]
    fn release_spares(&self, bound: usize) {
        while self.spare_bytes.get() > bound {
            let Some(block) = self.spare.get() else { return };
            self.spare.set(block.next());
            self.spare_bytes.set(self.spare_bytes.get().saturating_sub(block.size()));
            // SAFETY: a spare block is empty, and its only handle was in the list.
            unsafe { self.release(block) };
        }
    }

    /// Gives a block back to the system.
    ///
    /// # Safety
    /// As [`put`](Self::put).
    pub(super) unsafe fn release(&self, block: Block) {
        self.discharge(block.size());
        // SAFETY: the caller gives the block up.
        unsafe { block.release() };
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.trim(0);
    }
}
