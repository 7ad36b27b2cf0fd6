//! After a death: what is true is read from all pages, and everything else is made anew.
#![forbid(unsafe_code)]

use super::blocks::no_blocks;
use super::damage::Damage;
use super::page::{Blocks, NONE, Page, State, Word};
use super::slab::Slab;
use crate::geometry::Class;

impl Slab<'_> {
    /// Puts in order whatever an operation has left that was cut short, be it this one. The block that
    /// was pending is free afterwards.
    ///
    /// # Errors
    ///
    /// No operation has left this. The slab is not to be used.
    pub(crate) fn rebuild(&self) -> Result<(), Damage> {
        self.header.forget();
        let (mut page, mut end, mut free_from) = (0, 0, None);
        while page < self.page_count() {
            let (state, pages) = self.run_at(page)?;
            let mut pages = pages;
            let is_used = match state {
                State::Blocks { class } => match self.full_runs(page, class) {
                    0 => self.list_blocks(page, class)?,
                    full => {
                        pages *= full;
                        true
                    }
                },
                State::Whole { .. } => {
                    self.clear_insides(page, pages);
                    true
                }
                _ => false,
            };
            if is_used {
                self.list_free(free_from.take());
                end = page + pages;
            } else {
                free_from = Some(self.join_free(free_from, page, pages));
            }
            page += pages;
        }
        self.raise_fresh(end);
        self.list_free(free_from);
        // The entry that stands in for pages that there are not.
        self.clear_inside(page);
        if let Some(offset) = self.header.pending.get() {
            // Else it was not taken yet, or is freed already.
            let _ = self.free(offset);
            self.header.pending.clear();
        }
        Ok(())
    }

    /// The run that begins at a page, free, of blocks or handed out whole, and its pages: at least one,
    /// and none beyond the last. Its word is read once.
    #[inline]
    pub(crate) fn run_at(&self, page: u32) -> Result<(State, u32), Damage> {
        let word = self.page(page).word();
        let pages = match word.state() {
            State::Free { pages } | State::Whole { pages } if pages > 0 => pages,
            State::Blocks { class } => class.plan().pages,
            _ => return Err(Damage::NoRun { page, word }),
        };
        if pages > self.page_count() - page {
            return Err(Damage::TooLong { page, word });
        }
        Ok((word.state(), pages))
    }

    /// Counts the free blocks of a run.
    #[inline]
    pub(crate) fn vacant_at(&self, page: u32, class: Class) -> Result<u32, Damage> {
        let bitmap = self.page(page).bitmap_of(class);
        let last = bitmap.len().saturating_sub(1);
        let strange = bitmap.last().map_or(0, |blocks| !blocks.get() & no_blocks(class, last));
        if strange != 0 {
            return Err(Damage::Bitmap { page });
        }
        // To count the bits of a word takes longer than to see that it is full.
        let vacant = |blocks: &Blocks| match blocks.get() {
            Blocks::FULL => 0,
            taken => taken.count_zeros(),
        };
        Ok(bitmap.iter().map(vacant).sum())
    }

    /// Joins a run that is free, or to be so, with the free one before it; returns the first page of
    /// both.
    fn join_free(&self, before: Option<u32>, page: u32, pages: u32) -> u32 {
        self.page(page).commit(Word::free(pages));
        let Some(first) = before else {
            self.clear_insides(page, pages);
            return page;
        };
        self.page(first).commit(Word::free(page + pages - first));
        self.clear_inside(page);
        self.clear_insides(page, pages);
        first
    }

    fn clear_insides(&self, first: u32, pages: u32) {
        (first + 1..first + pages).for_each(|page| self.clear_inside(page));
    }

    fn clear_inside(&self, page: u32) {
        if self.page(page).word() != Word::INSIDE {
            self.page(page).commit(Word::INSIDE);
        }
    }

    /// Puts a free run, which is as long as it gets, into its list.
    fn list_free(&self, first: Option<u32>) {
        let Some(first) = first else { return };
        if let Some(pages) = self.free_after(first) {
            self.add_free(first, pages);
        }
    }

    /// Notes a run of blocks; but if it is empty, and its class has an empty one already, it is to be free.
    /// Returns whether it stays. What is noted already is not written again.
    fn list_blocks(&self, page: u32, class: Class) -> Result<bool, Damage> {
        let (entry, runs, plan) = (self.page(page), self.header.runs(class), class.plan());
        let vacant = self.vacant_at(page, class)?;
        if vacant == plan.blocks {
            if runs.spare.get() != NONE {
                return Ok(false);
            }
            runs.spare.set(page);
        }
        for after in 1..plan.pages {
            let (other, word) = (self.page(page + after), Word::after_blocks(class, after));
            if other.word() != word {
                other.commit(word);
            }
        }
        if entry.vacant.get() != vacant {
            entry.vacant.set(vacant);
        }
        if vacant > 0 {
            entry.hint.set(entry.first_with_room(class));
            self.list(page, runs);
        }
        let count = &self.header.totals(class).runs;
        count.set(count.get().wrapping_add(1));
        Ok(true)
    }

    /// Counts the runs of a class that follow each other from a page on, and that need nothing: all of their
    /// blocks are taken, and it is noted so. These are most of a heap that is in use.
    fn full_runs(&self, page: u32, class: Class) -> u32 {
        let (first, plan) = (Word::blocks(class), class.plan());
        let is_full = |run: &&[Page]| {
            let after =
                |(after, page): (u32, &Page)| page.word() == Word::after_blocks(class, after);
            run[0].word() == first
                && run[0].vacant.get() == 0
                && run[0].bitmap_of(class).iter().all(|blocks| blocks.get() == Blocks::FULL)
                && (1..).zip(&run[1..]).all(after)
        };
        let pages = &self.pages[page as usize..self.page_count() as usize];
        let full = pages.chunks_exact(plan.pages as usize).take_while(is_full).count();
        let count = &self.header.totals(class).runs;
        count.set(count.get().wrapping_add(full as u64));
        full as u32
    }

    fn raise_fresh(&self, end: u32) {
        if self.header.fresh.get() < end {
            self.header.fresh.set(end);
        }
    }
}
