//! Runs of blocks: a class's runs with room, and the bitmaps that tell which blocks are taken.
#![forbid(unsafe_code)]

use core::num::NonZero;

use super::damage::Damage;
use super::header::Runs;
use super::page::{Blocks, NONE, Page, Word, no_blocks};
use super::slab::{Grant, Misuse, Slab};
use crate::geometry::{Class, PAGE_BYTES};

impl Slab<'_> {
    /// Takes the block of a class that was given back last, if it is still there. It is pending.
    #[inline]
    pub(crate) fn take_recent(&self, class: Class) -> Option<usize> {
        let Runs { recent, requests, .. } = self.header.runs(class);
        let run = recent.run();
        let page = self.pages.get(run as usize)?;
        let (offset, block) = (recent.offset(), recent.block());
        let blocks = page.blocks(block / 64);
        self.header.journal.run.set(run);
        self.header.pending.note(offset);
        blocks.commit(blocks.get() | bit(block));
        page.vacant.set(page.vacant.get().wrapping_sub(1));
        recent.forget();
        requests.add_one();
        Some(offset)
    }

    /// Takes a block of a class, or, where there is no room for a run of them, whole pages. It is
    /// pending.
    pub(crate) fn allocate_block(&self, class: Class) -> Option<Grant> {
        let taken = self.take_recent(class).or_else(|| self.take_listed(class));
        let Some(offset) = taken.or_else(|| self.take_of_new_word(class)) else {
            return self.allocate_instead(class);
        };
        let bytes = class.plan().block_bytes as usize;
        Some(Grant { offset, bytes, zero_from: bytes })
    }

    /// Takes a block of the first run that is listed, if the word of its bitmap has one that is noted
    /// to have room. None is recent.
    #[inline]
    fn take_listed(&self, class: Class) -> Option<usize> {
        let runs = self.header.runs(class);
        let run = runs.room.get();
        let page = self.pages.get(run as usize)?;
        let (hint, vacant) = (page.hint.get(), page.vacant.get());
        let blocks = page.blocks(hint);
        let taken = blocks.get();
        let in_word = NonZero::new(!taken)?.trailing_zeros();
        let block = hint.wrapping_mul(64) | in_word;
        let in_run = block.wrapping_mul(class.plan().block_bytes) as usize;
        let offset = (run as usize * PAGE_BYTES).wrapping_add(in_run);
        self.header.journal.run.set(run);
        self.header.pending.note(offset);
        blocks.commit(taken | bit(in_word));
        page.vacant.set(vacant.wrapping_sub(1));
        if vacant == 1 {
            self.unlist(run, runs);
        }
        runs.requests.add_one();
        Some(offset)
    }

    /// Takes a block of the first run that is listed, or of a new one.
    #[cold]
    fn take_of_new_word(&self, class: Class) -> Option<usize> {
        let room = &self.header.runs(class).room;
        if room.get() == NONE {
            self.add_run(class)?;
        }
        let page = self.page(room.get());
        page.hint.set(page.first_with_room(class));
        self.take_listed(class)
    }

    /// Hands out whole pages where there are enough for a block, and not for a run of them.
    #[cold]
    fn allocate_instead(&self, class: Class) -> Option<Grant> {
        self.header.runs(class).requests.add_one();
        let grant = self.take_whole(class.plan().block_bytes as usize, 1);
        if grant.is_none() {
            self.header.failures(class).add_one();
        }
        grant
    }

    /// Takes a block back where no run is emptied by it. Returns whether it was one.
    #[inline(always)]
    pub(crate) fn return_block(&self, block: &Block<'_>) -> bool {
        let Block { page, class, .. } = *block;
        let (runs, blocks) = (self.header.runs(class), block.blocks());
        let (taken, vacant) = (blocks.get(), page.vacant.get());
        let would_be_empty = vacant.wrapping_add(1) == class.plan().blocks;
        // The one empty run that a class keeps is empty as often as it likes.
        let is_quick =
            taken & bit(block.number) != 0 && (!would_be_empty || runs.spare.get() == block.run);
        if !is_quick {
            return false;
        }
        self.header.journal.run.set(block.run);
        blocks.commit(taken ^ bit(block.number));
        page.vacant.set(vacant.wrapping_add(1));
        if runs.recent.is_alone() {
            // Before it is displaced, lest nobody knows of it.
            self.list(runs.recent.run(), runs);
        }
        runs.recent.set(block, vacant);
        true
    }

    /// Takes a block back.
    ///
    /// # Errors
    ///
    /// It is free, and nothing has changed.
    pub(crate) fn free_block(&self, block: &Block<'_>) -> Result<(), Misuse> {
        let Block { page, class, .. } = *block;
        if !block.is_taken() {
            return Err(Misuse::Freed);
        }
        let was_quick = self.return_block(block);
        if !was_quick {
            let runs = self.header.runs(class);
            self.header.journal.run.set(block.run);
            self.forget_recent(runs);
            if page.vacant.get() == 0 {
                self.list(block.run, runs);
            }
            block.blocks().commit(block.blocks().get() & !bit(block.number));
            page.vacant.set(class.plan().blocks);
            self.run_is_empty(block.run, class);
        }
        Ok(())
    }

    /// The recent block is as others are from here on.
    fn forget_recent(&self, runs: &Runs) {
        if runs.recent.is_alone() {
            self.list(runs.recent.run(), runs);
        }
        runs.recent.forget();
    }

    /// Keeps one empty run of each class.
    pub(super) fn run_is_empty(&self, run: u32, class: Class) {
        let spare = &self.header.runs(class).spare;
        if spare.get() != run && self.is_empty(spare.get(), class) {
            self.remove_run(run, class);
        } else {
            spare.set(run);
        }
    }

    /// Whether a page begins an empty run of a class. One that was kept may be in use again.
    pub(crate) fn is_empty(&self, run: u32, class: Class) -> bool {
        let page = self.page(run);
        run < self.page_count()
            && page.word() == Word::blocks(class)
            && page.vacant.get() == class.plan().blocks
    }

    /// Gives the empty run back that a class keeps; returns whether there was one.
    pub(crate) fn give_back_spare(&self, class: Class) -> bool {
        let spare = self.header.runs(class).spare.get();
        let is_empty = self.is_empty(spare, class);
        if is_empty {
            self.remove_run(spare, class);
        }
        is_empty
    }

    #[cold]
    fn add_run(&self, class: Class) -> Option<u32> {
        let (runs, plan) = (self.header.runs(class), class.plan());
        let place = self.place_or_spares(plan.pages, 1)?;
        let run = place.first;
        for (index, blocks) in self.page(run).bitmap_of(class).iter().enumerate() {
            blocks.commit(no_blocks(class, index));
        }
        self.page(run).hint.set(0);
        self.page(run).vacant.set(plan.blocks);
        self.header.journal.run.set(run);
        self.settle(place, plan.pages, Some(class));
        self.list(run, runs);
        Some(run)
    }

    /// The run is empty.
    fn remove_run(&self, run: u32, class: Class) {
        let runs = self.header.runs(class);
        self.header.journal.run.set(run);
        self.forget_recent(runs);
        self.unlist(run, runs);
        self.clear(run, class.plan().pages);
    }

    /// Puts a run into the list of those with room.
    #[inline(never)]
    pub(super) fn list(&self, run: u32, runs: &Runs) {
        self.push(&runs.room, run);
    }

    pub(super) fn unlist(&self, run: u32, runs: &Runs) {
        self.remove(&runs.room, run);
    }

    /// Counts the free blocks of a run.
    ///
    /// # Errors
    ///
    /// Its bitmap has more blocks than it.
    pub(crate) fn vacant_at(&self, page: u32, class: Class) -> Result<u32, Damage> {
        self.page(page).count_vacant(class).ok_or(Damage::Bitmap { page })
    }
}

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    /// The first page of its run.
    pub(crate) run: u32,
    /// The entry of that page.
    pub(crate) page: &'a Page,
    pub(crate) class: Class,
    /// Which one of its run.
    pub(crate) number: u32,
    pub(crate) offset: usize,
}

impl Block<'_> {
    pub(crate) fn is_taken(&self) -> bool {
        self.blocks().get() & bit(self.number) != 0
    }

    /// The word of the bitmap that has it.
    #[inline]
    fn blocks(&self) -> &Blocks {
        self.page.blocks(self.number / 64)
    }
}

#[inline]
const fn bit(block: u32) -> u64 {
    1 << (block % 64)
}
