//! After a death: what is true is read from all pages, and everything else is made anew.
#![forbid(unsafe_code)]

use super::blocks::no_blocks;
use super::damage::Damage;
use super::page::{Blocks, NONE, State, Word};
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
        self.validate()?;
        self.header.forget();
        let mut page = 0;
        let mut free_from = None;
        while page < self.page_count() {
            let pages = match self.page(page).word().state() {
                State::Free { pages } => {
                    free_from = Some(self.join_free(free_from, page, pages));
                    pages
                }
                State::Blocks { class } => {
                    if self.is_surplus(page, class) {
                        self.page(page).commit(Word::free(class.plan().pages));
                        continue;
                    }
                    self.list_free(free_from.take());
                    self.list_blocks(page, class);
                    class.plan().pages
                }
                State::Whole { pages } => {
                    self.list_free(free_from.take());
                    self.clear_insides(page, pages);
                    self.raise_fresh(page + pages);
                    pages
                }
                _ => return Err(self.no_run(page)),
            };
            page += pages;
        }
        self.list_free(free_from);
        if let Some(offset) = self.header.pending.get() {
            // Else it was not taken yet, or is freed already.
            let _ = self.free(offset);
            self.header.pending.clear();
        }
        Ok(())
    }

    /// Reads all runs, and changes nothing.
    fn validate(&self) -> Result<(), Damage> {
        let mut page = 0;
        while page < self.page_count() {
            let pages = self.run_at(page)?;
            page += pages;
        }
        Ok(())
    }

    /// The pages of the run that begins at a page.
    pub(crate) fn run_at(&self, page: u32) -> Result<u32, Damage> {
        let word = self.page(page).word();
        let pages = match word.state() {
            State::Free { pages } | State::Whole { pages } if pages > 0 => pages,
            State::Blocks { class } => class.plan().pages,
            _ => return Err(self.no_run(page)),
        };
        if pages > self.page_count() - page {
            return Err(Damage::TooLong { page, word });
        }
        if let State::Blocks { class } = word.state() {
            let is_whole =
                |(index, blocks): (usize, &Blocks)| !blocks.get() & no_blocks(class, index) == 0;
            if !self.page(page).bitmap.iter().enumerate().all(is_whole) {
                return Err(Damage::Bitmap { page });
            }
        }
        Ok(pages)
    }

    fn no_run(&self, page: u32) -> Damage {
        Damage::NoRun { page, word: self.page(page).word() }
    }

    /// Joins a free run with the one before it; returns the first page of both.
    fn join_free(&self, before: Option<u32>, page: u32, pages: u32) -> u32 {
        let Some(first) = before else {
            self.clear_insides(page, pages);
            return page;
        };
        self.page(first).commit(Word::free(page + pages - first));
        self.clear_insides(first, page + pages - first);
        first
    }

    fn clear_insides(&self, first: u32, pages: u32) {
        for page in first + 1..first + pages {
            if self.page(page).word() != Word::INSIDE {
                self.page(page).commit(Word::INSIDE);
            }
        }
    }

    /// Puts a free run, which is as long as it gets, into its list.
    fn list_free(&self, first: Option<u32>) {
        let Some(first) = first else { return };
        if let Some(pages) = self.free_after(first) {
            self.add_free(first, pages);
        }
    }

    /// Whether a run is empty, and its class has an empty one already.
    fn is_surplus(&self, page: u32, class: Class) -> bool {
        self.page(page).count_vacant() == class.plan().blocks
            && self.header.runs(class).spare.get() != NONE
    }

    fn list_blocks(&self, page: u32, class: Class) {
        let (runs, plan) = (self.header.runs(class), class.plan());
        for after in 1..plan.pages {
            self.page(page + after).commit(Word::after_blocks(class, after));
        }
        let vacant = self.page(page).count_vacant();
        self.page(page).vacant.set(vacant);
        self.page(page).hint.set(self.page(page).first_with_room());
        let count = &self.header.totals(class).runs;
        count.set(count.get().wrapping_add(1));
        if vacant > 0 {
            self.list(page, runs);
        }
        if vacant == plan.blocks {
            runs.spare.set(page);
        }
        self.raise_fresh(page + plan.pages);
    }

    fn raise_fresh(&self, end: u32) {
        if self.header.fresh.get() < end {
            self.header.fresh.set(end);
        }
    }
}
