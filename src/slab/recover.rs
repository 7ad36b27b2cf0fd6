//! After a death: what an operation has left is put in order, however large the slab is.
#![forbid(unsafe_code)]

use super::damage::Damage;
use super::page::{State, Word};
use super::slab::Slab;

impl Slab<'_> {
    /// Puts in order whatever an operation has left that was cut short, be it this one. The block that
    /// was pending is free afterwards.
    ///
    /// # Errors
    ///
    /// No operation has left this. The slab is not to be used.
    pub(crate) fn recover(&self) -> Result<(), Damage> {
        self.mend_links();
        self.recover_pages()?;
        self.recover_blocks()?;
        if let Some(offset) = self.header.pending.get() {
            // Else it was not taken yet, or is freed already.
            let _ = self.free(offset);
            self.header.pending.clear();
        }
        Ok(())
    }

    /// The words tell where runs begin, whichever store was the last; the lists are told of it.
    fn recover_pages(&self) -> Result<(), Damage> {
        let Some(borders) = self.header.journal.pages() else { return Ok(()) };
        let (mut first, mut end) = (0, 0);
        for page in borders.into_iter().filter(|&page| page < self.page_count()) {
            if page >= end {
                let (state, pages) = self.run_at(page)?;
                (first, end) = (page, page + pages);
                if let State::Free { .. } = state {
                    self.list_free_again(page, pages);
                }
            } else if page != first && self.run_at(page).is_ok() {
                // None begins here yet, or any more.
                self.page(page).commit(Word::INSIDE);
            }
        }
        self.header.journal.end_pages();
        Ok(())
    }

    /// Puts a free run into the list of its length, be it in one or not.
    fn list_free_again(&self, first: u32, pages: u32) {
        // Its word is changed while it is in no list: if it is in one, that is of its length.
        if self.is_listed(first) {
            self.remove_free(first, pages);
        }
        self.add_free(first, pages);
    }

    /// The bitmap tells which blocks are taken; the count, the list and what is kept empty follow it.
    fn recover_blocks(&self) -> Result<(), Damage> {
        let run = self.header.journal.run.get();
        let class = match self.run_at(run) {
            Ok((State::Blocks { class }, _)) => class,
            Ok(_) => return Ok(()),
            Err(Damage::NoRun { word, .. }) if word.state() != State::Unknown => return Ok(()),
            Err(damage) => return Err(damage),
        };
        let (entry, runs) = (self.page(run), self.header.runs(class));
        let recent = runs.recent.run();
        if recent < self.page_count() && !self.is_listed(recent) {
            self.list(recent, runs);
        }
        runs.recent.forget();
        let vacant = self.vacant_at(run, class)?;
        entry.vacant.set(vacant);
        match (self.is_listed(run), vacant > 0) {
            (false, true) => self.list(run, runs),
            (true, false) => self.unlist(run, runs),
            _ => (),
        }
        if vacant == class.plan().blocks {
            self.run_is_empty(run, class);
        }
        Ok(())
    }
}
