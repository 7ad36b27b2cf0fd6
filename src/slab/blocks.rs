//! Runs of blocks: a class's runs with room, and the bitmaps that tell which blocks are taken.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

use super::header::Runs;
use super::page::{NONE, Page, Word};
use super::slab::{Misuse, Slab};
use crate::geometry::{Class, PAGE_BYTES};

/// All blocks of a word of the bitmap are taken, or are none.
const FULL: u64 = u64::MAX;

impl<'a> Slab<'a> {
    /// Takes a block. It is pending.
    #[inline]
    pub(crate) fn allocate_block(&self, class: Class) -> Option<usize> {
        let run = self.header.runs(class).room.get();
        if let Some(page) = self.pages.get(run as usize) {
            let index = page.hint.get();
            if let Some(word) = self.bitmap_word(run, index) {
                let taken = word.load(Ordering::Relaxed);
                if taken | taken.wrapping_add(1) != FULL {
                    return self.take_block(class, run, page, index, word);
                }
            }
        }
        self.allocate_last(class)
    }

    /// Takes the last block of a word of the bitmap, or one of a new run; or, where there is no room
    /// for one, whole pages.
    #[inline(never)]
    fn allocate_last(&self, class: Class) -> Option<usize> {
        let runs = self.header.runs(class);
        let mut run = runs.room.get();
        if run == NONE {
            match self.add_run(class) {
                Some(added) => run = added,
                None => return self.allocate_instead(class),
            }
        }
        let page = self.page(run);
        let index = page.hint.get();
        let word = self.bitmap_word(run, index)?;
        let offset = self.take_block(class, run, page, index, word)?;
        if page.vacant.get() == 0 {
            self.remove_room(run, runs);
        } else {
            page.hint.set(self.first_with_room(run, class));
        }
        Some(offset)
    }

    /// Hands out whole pages where there are enough for a block, and not for a run of them.
    fn allocate_instead(&self, class: Class) -> Option<usize> {
        let counts = &self.header.runs(class).counts;
        counts.requests.add_one();
        let grant = self.take_whole(class.plan().block_bytes as usize, 1);
        if grant.is_none() {
            counts.failures.add_one();
        }
        grant.map(|grant| grant.offset)
    }

    #[inline(always)]
    fn take_block(
        &self,
        class: Class,
        run: u32,
        page: &Page,
        index: u32,
        word: &AtomicU64,
    ) -> Option<usize> {
        let (runs, plan) = (self.header.runs(class), class.plan());
        let taken = word.load(Ordering::Relaxed);
        let block = index.wrapping_mul(64).wrapping_add(taken.trailing_ones());
        if block >= plan.blocks {
            // Somebody else has written into the lists.
            return None;
        }
        let offset = run as usize * PAGE_BYTES + (block * plan.block_bytes) as usize;
        self.header.pending.note(offset);
        commit(word, taken | bit(block));
        page.vacant.set(page.vacant.get().wrapping_sub(1));
        runs.used.set(runs.used.get().wrapping_add(1));
        runs.counts.requests.add_one();
        Some(offset)
    }

    /// Takes a block back.
    ///
    /// # Errors
    ///
    /// It is free, and nothing has changed.
    #[inline]
    pub(crate) fn free_block(
        &self,
        page: &Page,
        run: u32,
        class: Class,
        block: u32,
    ) -> Result<(), Misuse> {
        // Its run has had room already, and is not empty now?
        if page.vacant.get().wrapping_sub(1) >= class.plan().blocks.wrapping_sub(2) {
            return self.free_first_or_last(page, run, class, block);
        }
        self.give_block(page, run, class, block)
    }

    #[inline(never)]
    fn free_first_or_last(
        &self,
        page: &Page,
        run: u32,
        class: Class,
        block: u32,
    ) -> Result<(), Misuse> {
        let was_full = page.vacant.get() == 0;
        self.give_block(page, run, class, block)?;
        if was_full {
            page.hint.set(block / 64);
            self.add_room(run, self.header.runs(class));
        }
        if page.vacant.get() == class.plan().blocks {
            self.run_is_empty(run, class);
        }
        Ok(())
    }

    #[inline(always)]
    fn give_block(&self, page: &Page, run: u32, class: Class, block: u32) -> Result<(), Misuse> {
        let runs = self.header.runs(class);
        let index = block / 64;
        let word = self.bitmap_word(run, index).ok_or(Misuse::NoBlock)?;
        let taken = word.load(Ordering::Relaxed);
        if taken & bit(block) == 0 {
            return Err(Misuse::Freed);
        }
        commit(word, taken & !bit(block));
        page.vacant.set(page.vacant.get().wrapping_add(1));
        runs.used.set(runs.used.get().wrapping_sub(1));
        if index < page.hint.get() {
            page.hint.set(index);
        }
        Ok(())
    }

    #[inline]
    fn bitmap_word(&self, run: u32, index: u32) -> Option<&'a AtomicU64> {
        self.bitmaps.get((run as usize * Self::BITMAP_WORDS).wrapping_add(index as usize))
    }

    /// The index of the first word of a bitmap that has room.
    pub(crate) fn first_with_room(&self, run: u32, class: Class) -> u32 {
        let has_room = |word: &AtomicU64| word.load(Ordering::Relaxed) != FULL;
        self.bitmap(run, class).iter().position(has_room).unwrap_or(0) as u32
    }

    /// Keeps one empty run of each class.
    fn run_is_empty(&self, run: u32, class: Class) {
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
        page.word() == Word::blocks(class) && page.vacant.get() == class.plan().blocks
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
        self.clear_bitmap(run, class);
        for page in 1..plan.pages {
            self.page(run + page).commit(Word::after_blocks(class, page));
        }
        self.settle(place, plan.pages, Word::blocks(class));
        self.page(run).hint.set(0);
        self.page(run).vacant.set(plan.blocks);
        runs.count.set(runs.count.get().wrapping_add(1));
        self.add_room(run, runs);
        Some(run)
    }

    fn remove_run(&self, run: u32, class: Class) {
        let runs = self.header.runs(class);
        self.remove_room(run, runs);
        runs.count.set(runs.count.get().wrapping_sub(1));
        self.clear(run, class.plan().pages);
    }

    fn clear_bitmap(&self, run: u32, class: Class) {
        for (index, word) in self.bitmap(run, class).iter().enumerate() {
            commit(word, no_blocks(class, index));
        }
    }

    #[inline]
    pub(crate) fn add_room(&self, run: u32, runs: &Runs) {
        let next = runs.room.get();
        self.page(run).next.set(next);
        self.page(run).before.set(NONE);
        self.page(next).before.set(run);
        runs.room.set(run);
    }

    #[inline]
    fn remove_room(&self, run: u32, runs: &Runs) {
        let (before, next) = (self.page(run).before.get(), self.page(run).next.get());
        self.page(next).before.set(before);
        if before == NONE {
            runs.room.set(next);
        } else {
            self.page(before).next.set(next);
        }
    }
}

/// Changes which blocks are taken. Release: see [`Page::commit`](super::page::Page::commit).
#[inline]
fn commit(word: &AtomicU64, taken: u64) {
    word.store(taken, Ordering::Release);
}

#[inline]
const fn bit(block: u32) -> u64 {
    1 << (block % 64)
}

/// The bits of a word of a bitmap that are of no block: they are always set.
pub(crate) const fn no_blocks(class: Class, index: usize) -> u64 {
    let blocks = class.plan().blocks as usize - index * 64;
    if blocks < 64 { u64::MAX << blocks } else { 0 }
}
