//! The whole truth about a slab, and whether all that was noted beside it agrees.
#![forbid(unsafe_code)]

use super::bins::Bins;
use super::damage::Damage;
use super::header::{Recent, Runs};
use super::page::{NONE, State, Word};
use super::slab::Slab;
use crate::geometry::{Class, PAGE_BYTES};

impl Slab<'_> {
    /// Checks everything that operations keep, and tells what is handed out: `live` gets the offset
    /// and the bytes of each block.
    ///
    /// # Errors
    ///
    /// The first thing that is not as it should be.
    pub(crate) fn check(&self, mut live: impl FnMut(usize, usize)) -> Result<(), Damage> {
        let mut tally = Tally { listed: [0; Class::COUNT], free_runs: 0 };
        let mut page = 0;
        let mut after_free = false;
        while page < self.page_count() {
            let (state, pages) = self.run_at(page)?;
            match state {
                State::Free { .. } => {
                    self.check_free(page, pages, after_free)?;
                    tally.free_runs += 1;
                }
                State::Blocks { class } => {
                    self.check_blocks(page, class, &mut tally)?;
                    self.tell_blocks(page, class, &mut live);
                }
                _ => {
                    self.check_insides(page, pages, |_| Word::INSIDE)?;
                    live(page as usize * PAGE_BYTES, pages as usize * PAGE_BYTES);
                }
            }
            after_free = matches!(state, State::Free { .. });
            let is_fresh = page + pages > self.header.fresh.get();
            ensure(after_free || !is_fresh, "the mark of fresh pages", page)?;
            page += pages;
        }
        ensure(self.page(page).word() == Word::INSIDE, "the entry after the last", page)?;
        let under_way = self.header.journal.pages().map_or(NONE, |[first, ..]| first);
        ensure(under_way == NONE, "the journal", under_way)?;
        self.check_bins(&tally)?;
        (0..Class::COUNT)
            .filter_map(Class::from_index)
            .try_for_each(|class| self.check_runs(class, &tally))?;
        self.check_no_others(&tally)
    }

    /// Whether no other run seems to be in a list, nor the first of one to come after another: see
    /// [`Slab::is_listed`]. Of all that are to be in a list it is known by now that they are.
    fn check_no_others(&self, tally: &Tally) -> Result<(), Damage> {
        let next = (0..self.page_count()).filter(|&page| self.is_next(page)).count();
        let first = self.lists().filter(|first| first.get() != NONE).count();
        let listed = tally.free_runs + tally.listed.iter().sum::<u32>();
        ensure(next + first == listed as usize, "a run that is in no list", self.page_count())
    }

    fn check_free(&self, page: u32, pages: u32, after_free: bool) -> Result<(), Damage> {
        ensure(!after_free, "the joining of free runs", page)?;
        let last = page + pages - 1;
        let is_marked = pages == 1 || self.page(last).word() == Word::last_free(pages - 1);
        ensure(is_marked, "the end of a free run", page)?;
        let bin = self.header.bins.first(Bins::of(pages)).get();
        ensure(self.is_linked(page, bin), "the list of free runs", page)?;
        let heads = |inside: &u32| {
            let state = self.page(*inside).word().state();
            !matches!(state, State::Inside | State::AfterBlocks { .. } | State::LastFree { .. })
        };
        match (page + 1..page + pages).find(heads) {
            Some(page) => Err(Damage::Cache { what: "the inside of a free run", page }),
            None => Ok(()),
        }
    }

    fn check_insides(
        &self,
        page: u32,
        pages: u32,
        word: impl Fn(u32) -> Word,
    ) -> Result<(), Damage> {
        let is_wrong = |after: &u32| {
            let found = self.page(page + after).word();
            let is_stale = matches!(
                found.state(),
                State::Inside | State::AfterBlocks { .. } | State::LastFree { .. }
            );
            found != word(*after) && !(word(*after) == Word::INSIDE && is_stale)
        };
        match (1..pages).find(is_wrong) {
            Some(after) => Err(Damage::Cache { what: "the inside of a run", page: page + after }),
            None => Ok(()),
        }
    }

    fn check_blocks(&self, page: u32, class: Class, tally: &mut Tally) -> Result<(), Damage> {
        let (runs, plan) = (self.header.runs(class), class.plan());
        self.check_insides(page, plan.pages, |after| Word::after_blocks(class, after))?;
        let vacant = self.vacant_at(page, class)?;
        ensure(self.page(page).vacant.get() == vacant, "the number of free blocks", page)?;
        // It may be wrong. But where it leads beyond the run, blocks of others are taken for free ones.
        let is_within =
            (self.page(page).hint.get() as usize) < self.page(page).bitmap_of(class).len();
        ensure(is_within, "where room is looked for", page)?;
        let is_listed = vacant > u32::from(runs.recent.run() == page);
        let is_linked = self.is_linked(page, runs.room.get());
        ensure(!is_listed || is_linked, "the list of runs with room", page)?;
        let is_spare = runs.spare.get() == page;
        ensure(is_spare || vacant < plan.blocks, "the spare run", page)?;
        tally.listed[class.index()] += u32::from(is_listed);
        Ok(())
    }

    fn tell_blocks(&self, page: u32, class: Class, live: &mut impl FnMut(usize, usize)) {
        let plan = class.plan();
        for block in (0..plan.blocks).filter(|&block| self.is_taken(page, block)) {
            let in_run = (block * plan.block_bytes) as usize;
            live(page as usize * PAGE_BYTES + in_run, plan.block_bytes as usize);
        }
    }

    /// Whether a block that is said to be free and of a class is.
    fn is_right(&self, recent: &Recent, class: Class) -> bool {
        let in_run = recent.block().wrapping_mul(class.plan().block_bytes) as usize;
        let offset = recent.run() as usize * PAGE_BYTES + in_run;
        self.page(recent.run()).word() == Word::blocks(class)
            && recent.block() < class.plan().blocks
            && recent.offset() == offset
            && recent.is_alone() == (self.page(recent.run()).vacant.get() == 1)
            && !self.is_taken(recent.run(), recent.block())
    }

    fn is_taken(&self, run: u32, block: u32) -> bool {
        self.page(run).blocks(block / 64).get() >> (block % 64) & 1 == 1
    }

    /// Whether a page is the first of a list, or the next of the one before it; and leads to another, or
    /// to none.
    fn is_linked(&self, page: u32, first: u32) -> bool {
        let (before, next) = (self.page(page).before.get(), self.page(page).next.get());
        let is_led_to = if before == NONE { first == page } else { self.is_next(page) };
        is_led_to && (next == NONE || next < self.page_count())
    }

    fn check_bins(&self, tally: &Tally) -> Result<(), Damage> {
        let bins = &self.header.bins;
        let mut listed = 0;
        for bin in 0..Bins::COUNT {
            for page in self.listed(bins.first(bin)) {
                let pages = self.free_after(page).unwrap_or(0);
                ensure(pages > 0 && Bins::of(pages) == bin, "the list of free runs", page)?;
                listed += 1;
            }
            let is_marked = bins.is_occupied(bin) == (bins.first(bin).get() != NONE);
            ensure(is_marked, "the mark of a list", bin as u32)?;
        }
        ensure(listed == tally.free_runs, "the number of free runs", listed)
    }

    fn check_runs(&self, class: Class, tally: &Tally) -> Result<(), Damage> {
        let runs: &Runs = self.header.runs(class);
        let recent = &runs.recent;
        let is_none = recent.run() == NONE && !recent.is_alone();
        let is_right = is_none || self.is_right(recent, class);
        ensure(is_right, "the block given back last", recent.run())?;
        let listed = self.listed(&runs.room).count() as u32;
        let is_right = listed == tally.listed[class.index()];
        ensure(is_right, "the number of runs with room", runs.room.get())
    }
}

/// What was counted.
struct Tally {
    /// The runs of each class that are to be in its list.
    listed: [u32; Class::COUNT],
    free_runs: u32,
}

fn ensure(holds: bool, what: &'static str, page: u32) -> Result<(), Damage> {
    if holds { Ok(()) } else { Err(Damage::Cache { what, page }) }
}
