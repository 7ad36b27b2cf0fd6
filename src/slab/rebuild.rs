//! After a death: what is true is read from all pages, and everything else is made anew.
#![forbid(unsafe_code)]

use super::damage::Damage;
use super::header::Runs;
use super::page::{Blocks, NONE, Page, Room, State, Word};
use super::row::Row;
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
        let mut progress = Progress { slab: *self, page: 0, end: 0, free_from: None };
        let mut row = Row::new();
        while progress.page < self.page_count() {
            if !progress.pass_row(&mut row)? {
                progress.pass_run()?;
            }
            progress.pass_full_runs();
        }
        self.end_lists();
        self.raise_fresh(progress.end);
        self.list_free(progress.free_from);
        // The entry that stands in for pages that there are not.
        self.clear_inside(progress.page);
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
        let room = self.page(page).room(class).ok_or(Damage::Bitmap { page })?;
        Ok(room.vacant)
    }

    /// Joins a run that is free, or to be so, with the free one before it; returns the first page of
    /// both.
    #[cold]
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
    #[inline(always)]
    fn note_blocks(&self, page: u32, class: Class) -> Result<bool, Damage> {
        let (entry, runs) = (self.page(page), self.header.runs(class));
        let Room { vacant, first } = entry.room(class).ok_or(Damage::Bitmap { page })?;
        if vacant == class.plan().blocks {
            if runs.spare.get() != NONE {
                return Ok(false);
            }
            runs.spare.set(page);
        }
        entry.vacant.correct(vacant);
        if vacant > 0 {
            entry.hint.correct(first);
            self.list_next(page, entry, runs);
        }
        let count = &self.header.totals(class).runs;
        count.set(count.get().wrapping_add(1));
        Ok(true)
    }

    /// Puts a run at the front of the list of those with room. That there is none before it is to be
    /// written yet: most often there will be one.
    #[inline(always)]
    fn list_next(&self, page: u32, entry: &Page, runs: &Runs) {
        let next = runs.room.get();
        entry.next.correct(next);
        self.page(next).before.correct(page);
        runs.room.set(page);
    }

    fn end_lists(&self) {
        for runs in &self.header.classes {
            self.page(runs.room.get()).before.correct(NONE);
        }
    }

    /// Writes the words of all pages of a run of blocks but the first.
    fn write_insides(&self, page: u32, class: Class) {
        for after in 1..class.plan().pages {
            let (other, word) = (self.page(page + after), Word::after_blocks(class, after));
            if other.word() != word {
                other.commit(word);
            }
        }
    }

    /// Counts the pages of runs that follow each other from a page on, are of one class, and need nothing:
    /// all of their blocks are taken, and it is noted so. These are most of a heap that is in use.
    fn full_pages(&self, page: u32) -> u32 {
        let Some(class) = self.page(page).word().class() else { return 0 };
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
        full as u32 * plan.pages
    }

    fn raise_fresh(&self, end: u32) {
        if self.header.fresh.get() < end {
            self.header.fresh.set(end);
        }
    }
}

/// How far a slab is in order.
struct Progress<'a> {
    slab: Slab<'a>,
    /// Up to this page.
    page: u32,
    /// No page from this one on is in use.
    end: u32,
    /// The free run that ends at `page`, which is in no list yet.
    free_from: Option<u32>,
}

impl Progress<'_> {
    /// Passes runs that need nothing.
    fn pass_full_runs(&mut self) {
        let pages = self.slab.full_pages(self.page);
        if pages > 0 {
            self.pass(pages, true);
        }
    }

    /// Passes runs of blocks whose words are right; returns whether there were some.
    fn pass_row(&mut self, row: &mut Row) -> Result<bool, Damage> {
        row.find(self.slab, self.page);
        for &(page, class) in row.runs() {
            let stays = self.slab.note_blocks(page, class)?;
            self.pass(class.plan().pages, stays);
        }
        Ok(!row.runs().is_empty())
    }

    /// Passes a run, whatever it is.
    #[cold]
    fn pass_run(&mut self) -> Result<(), Damage> {
        let (state, pages) = self.slab.run_at(self.page)?;
        let stays = match state {
            State::Blocks { class } => {
                self.slab.write_insides(self.page, class);
                self.slab.note_blocks(self.page, class)?
            }
            State::Whole { .. } => {
                self.slab.clear_insides(self.page, pages);
                true
            }
            _ => false,
        };
        self.pass(pages, stays);
        Ok(())
    }

    #[inline]
    fn pass(&mut self, pages: u32, stays: bool) {
        let page = self.page;
        self.page += pages;
        if stays {
            self.slab.list_free(self.free_from.take());
            self.end = self.page;
        } else {
            self.free_from = Some(self.slab.join_free(self.free_from, page, pages));
        }
    }
}
