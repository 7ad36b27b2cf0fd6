//! The supply of a pool and its scopes: blocks kept for the next use, and the limit on all of it.
#![expect(unsafe_code, reason = "gives blocks back to the system")]

use core::cell::Cell;

use super::block::{Block, HEADER};
use super::settings::Settings;
use crate::error::AllocError;

/// How many kept blocks are looked at, for a block that fits or a place in the list.
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
    /// Empty blocks, in a list, large ones rather in front.
    spare: Cell<Option<Block>>,
    spare_bytes: Cell<usize>,
}

impl Supply {
    #[inline]
    pub(super) const fn new(settings: &Settings) -> Self {
        Self {
            name: settings.name,
            large_threshold: settings.large_threshold,
            first_block_size: settings.first_block_size,
            largest_block_size: settings.largest_block_size,
            retain: settings.retain,
            limit: Cell::new(settings.limit),
            charged: Cell::new(0),
            high_water: Cell::new(0),
            limit_hits: Cell::new(0),
            spare: Cell::new(None),
            spare_bytes: Cell::new(0),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn first_block_size(&self) -> usize {
        self.first_block_size
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
        self.charged.set(self.charged.get().saturating_add(bytes));
        Ok(())
    }

    /// Gives up as many spare blocks as it takes, or none where that would not help.
    #[cold]
    fn make_room(&self, bytes: usize) -> Result<(), AllocError> {
        if !self.has_room(bytes) {
            self.limit_hits.set(self.limit_hits.get().saturating_add(1));
            return Err(AllocError);
        }
        while bytes > self.room() && self.release_a_spare() {}
        Ok(())
    }

    /// Takes back a charge.
    pub(super) fn discharge(&self, bytes: usize) {
        self.charged.set(self.charged.get().saturating_sub(bytes));
    }

    /// Takes a charge back for the time of a closure, in which memory of that size is about to be
    /// replaced by less. Where the closure fails, nothing has changed.
    pub(super) fn without<T>(
        &self,
        bytes: usize,
        replace: impl FnOnce() -> Result<T, AllocError>,
    ) -> Result<T, AllocError> {
        self.discharge(bytes);
        let replaced = replace();
        self.charged.set(self.charged.get().saturating_add(bytes));
        replaced
    }

    /// Notes what is charged, once the system has delivered it.
    pub(super) fn note_high_water(&self) {
        self.high_water.set(self.high_water.get().max(self.charged.get()));
    }

    /// Whether `bytes` may be charged, if need be in the place of spare blocks.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let in_use = self.charged.get().saturating_sub(self.spare_bytes.get());
        bytes <= self.limit.get().saturating_sub(in_use)
    }

    /// Bytes that may still be charged: none where the limit is below what is held.
    fn room(&self) -> usize {
        self.limit.get().saturating_sub(self.charged.get())
    }

    /// Hands out an empty block with room for at least `need` bytes of values. Where none is
    /// spare, the system is asked for one of `preferred` bytes.
    #[inline]
    pub(super) fn take(&self, need: usize, preferred: usize) -> Result<Block, AllocError> {
        let is_plain = need.wrapping_add(HEADER) <= preferred
            && preferred <= self.room() / 2
            && self.spare_bytes.get() == 0;
        if !is_plain {
            return self.take_or_fit(need, preferred);
        }
        self.charged.set(self.charged.get().wrapping_add(preferred));
        self.make_charged(preferred)
    }

    /// Hands out a spare block, or one whose size suits the need and the limit.
    #[inline(never)]
    fn take_or_fit(&self, need: usize, preferred: usize) -> Result<Block, AllocError> {
        if let Some(block) = self.take_spare(need) {
            return Ok(block);
        }
        let least = need.saturating_add(HEADER);
        let doubled = least.checked_next_power_of_two().unwrap_or(least);
        let preferred = if preferred < least { doubled } else { preferred };
        // The last room under a limit is not given to one block, but half of what is left.
        self.make(preferred.min(self.largest_block_size).min(self.room() / 2).max(least))
    }

    /// Unlinks the first spare block that has the room.
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

    /// Asks the system for a block.
    fn make(&self, size: usize) -> Result<Block, AllocError> {
        self.charge(size)?;
        self.make_charged(size)
    }

    /// Asks the system for a block that is charged already.
    fn make_charged(&self, size: usize) -> Result<Block, AllocError> {
        // A cursor moves past the end of its block by at most a request and its alignment.
        let clearance = self.large_threshold.wrapping_mul(2);
        match Block::obtain(size, clearance) {
            Some(block) => {
                self.note_high_water();
                Ok(block)
            }
            None => {
                self.discharge(size);
                Err(AllocError)
            }
        }
    }

    /// Twice the size of a block, up to the cap.
    pub(super) fn double(&self, block: Block) -> usize {
        block.size().saturating_mul(2).min(self.largest_block_size)
    }

    /// Takes the unused blocks of a list back. Those of up to `most` bytes are kept while there is
    /// room for them in what is to be retained; the rest is released.
    ///
    /// Where there are several, they are exchanged for one in which all of their values would have
    /// had room, as far as such a block may be made and kept: the same work fits it next time.
    ///
    /// # Safety
    /// Nothing that lies in the blocks, and no other copy of their handles, is used from here on.
    pub(super) unsafe fn put_all(&self, first: Option<Block>, most: usize) {
        let Some(block) = first else { return };
        let one_for_all = block.next().and_then(|_| self.size_for_all(first, most));
        let mut at = first;
        while let Some(block) = at {
            at = block.next();
            if one_for_all.is_some_and(|size| block.size() < size) {
                // SAFETY: the caller gives the block up.
                unsafe { self.release(block) };
            } else {
                // SAFETY: as above.
                unsafe { self.put(block, most) };
            }
        }
        if let Some(size) = one_for_all {
            let is_there = self.spare.get().is_some_and(|block| block.size() >= size);
            if let Some(block) = (!is_there).then(|| self.make(size).ok()).flatten() {
                // SAFETY: nobody else has the new block.
                unsafe { self.put(block, most) };
            }
        }
    }

    /// The size of a block that can stand for all of a list.
    fn size_for_all(&self, first: Option<Block>, most: usize) -> Option<usize> {
        let blocks = core::iter::successors(first, |block| block.next());
        let bytes = blocks.fold(0_usize, |sum, block| sum.saturating_add(block.size()));
        let size = bytes.checked_next_power_of_two()?.min(self.largest_block_size);
        let others = self.charged.get().saturating_sub(bytes);
        let is_possible = size <= self.limit.get().saturating_sub(others);
        (is_possible && self.is_kept(size, most)).then_some(size)
    }

    /// Whether a block is kept that is no larger than `most`, or than a first block.
    fn is_kept(&self, size: usize, most: usize) -> bool {
        size <= self.retain.saturating_sub(self.spare_bytes.get())
            && size <= most.max(self.first_block_size)
    }

    /// Takes an unused block back, to be kept or released.
    ///
    /// # Safety
    /// Nothing that lies in the block, and no other copy of its handle, is used from here on.
    unsafe fn put(&self, block: Block, most: usize) {
        if !self.is_kept(block.size(), most) {
            // SAFETY: the caller gives the block up.
            unsafe { self.release(block) };
            return;
        }
        block.clear();
        self.spare_bytes.set(self.spare_bytes.get().saturating_add(block.size()));
        let mut before: Option<Block> = None;
        let mut at = self.spare.get();
        for _ in 0..PROBES {
            let Some(larger) = at.filter(|spare| spare.size() > block.size()) else { break };
            before = at;
            at = larger.next();
        }
        block.set_next(at);
        match before {
            Some(before) => before.set_next(Some(block)),
            None => self.spare.set(Some(block)),
        }
    }

    /// Releases the first spare block. Tells whether there was one.
    #[cold]
    fn release_a_spare(&self) -> bool {
        let Some(block) = self.spare.get() else { return false };
        self.spare.set(block.next());
        self.spare_bytes.set(self.spare_bytes.get().saturating_sub(block.size()));
        // SAFETY: a spare block is empty, and its only handle was in the list.
        unsafe { self.release(block) };
        true
    }

    /// Gives a block back to the system.
    ///
    /// # Safety
    /// As [`put`](Self::put).
    unsafe fn release(&self, block: Block) {
        self.discharge(block.size());
        // SAFETY: the caller gives the block up.
        unsafe { block.release() };
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        while self.release_a_spare() {}
    }
}
