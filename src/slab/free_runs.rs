//! Runs of free pages: found by length, cut, and joined with their neighbours.
#![forbid(unsafe_code)]

use super::bins::Bins;
use super::page::{NONE, State, Word};
use super::slab::Slab;
use crate::geometry::Class;

/// A place for a new run, in a free one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    free: u32,
    free_pages: u32,
    /// The first page of the new run.
    pub(crate) first: u32,
}

impl<'a> Slab<'a> {
    /// Finds a place for a run, whose first page's address is a multiple of `align` pages.
    pub(crate) fn place_for(&self, pages: u32, align: u32) -> Option<Place> {
        /// So many runs of about the right length are looked at before a longer one is cut.
        const PATIENCE: usize = 32;
        let bin = Bins::of(pages);
        let mut about = self.listed(self.header.bins.first(bin));
        let fitting = |first: u32| self.place_in(first, pages, align);
        let longer = || self.longer_than(bin).find_map(fitting);
        about
            .by_ref()
            .take(PATIENCE)
            .find_map(fitting)
            .or_else(longer)
            .or_else(|| about.find_map(fitting))
    }

    /// Finds a place; if there is none, after the empty runs were given back that classes keep.
    pub(crate) fn place_or_spares(&self, pages: u32, align: u32) -> Option<Place> {
        self.place_for(pages, align).or_else(|| {
            let given_back = (0..Class::COUNT).filter_map(Class::from_index);
            let given_back = given_back.filter(|&class| self.give_back_spare(class)).count();
            (given_back > 0).then(|| self.place_for(pages, align)).flatten()
        })
    }

    /// The place in a free run, if it is long enough.
    fn place_in(&self, free: u32, pages: u32, align: u32) -> Option<Place> {
        let free_pages = self.free_after(free)?;
        let address = self.base().checked_add(free as usize)?;
        let skipped = address.checked_next_multiple_of(align as usize)? - address;
        let first = free.checked_add(u32::try_from(skipped).ok()?)?;
        let room = free_pages.checked_sub(first - free)?;
        (room >= pages).then_some(Place { free, free_pages, first })
    }

    /// The free runs of all bins after `bin`, the shortest bins first. One suffices, but for large
    /// alignments.
    fn longer_than(&self, bin: usize) -> impl Iterator<Item = u32> + use<'a> {
        let (slab, bins) = (*self, &self.header.bins);
        let next = move |&bin: &usize| bins.occupied_after(bin);
        core::iter::successors(Some(bin), next)
            .skip(1)
            .flat_map(move |bin| slab.listed(bins.first(bin)))
    }

    /// The pages of a list.
    pub(crate) fn listed(&self, first: u32) -> impl Iterator<Item = u32> + use<'a> {
        let slab = *self;
        let known = move |page: u32| (page < slab.page_count()).then_some(page);
        core::iter::successors(known(first), move |&page| known(slab.page(page).next.get()))
            // Whatever somebody else has written: there are no more.
            .take(self.page_count() as usize)
    }

    /// Makes a run of `pages` pages of a place. What lies in it is written already: with the last
    /// store here the run is.
    pub(crate) fn settle(&self, place: Place, pages: u32, word: Word) {
        let Place { free, free_pages, first } = place;
        let (before, end) = (first - free, first + pages);
        let after = free + free_pages - end;
        self.remove_free(free, free_pages);
        if self.header.fresh.get() < end {
            self.header.fresh.set(end);
        }
        if after > 0 {
            self.page(end).commit(Word::free(after));
        }
        if before > 0 {
            self.page(first).commit(word);
            self.page(free).commit(Word::free(before));
            self.add_free(free, before);
        } else {
            self.page(first).commit(word);
        }
        if after > 0 {
            self.add_free(end, after);
        }
    }

    /// Makes the pages of a run free, and joins them with their neighbours.
    pub(crate) fn clear(&self, first: u32, pages: u32) {
        self.page(first).commit(Word::free(pages));
        let pages = self.join_right(first, pages, Word::free);
        match self.free_before(first) {
            Some((left, left_pages)) => {
                self.remove_free(left, left_pages);
                self.page(left).commit(Word::free(left_pages + pages));
                self.page(first).commit(Word::INSIDE);
                self.add_free(left, left_pages + pages);
            }
            None => self.add_free(first, pages),
        }
    }

    /// Joins the free run behind a free run, which is in no list yet; returns the pages of both.
    fn join_right(&self, first: u32, pages: u32, word: fn(u32) -> Word) -> u32 {
        let Some(more) = self.free_after(first + pages) else { return pages };
        self.remove_free(first + pages, more);
        self.page(first).commit(word(pages + more));
        self.page(first + pages).commit(Word::INSIDE);
        pages + more
    }

    /// The pages of the free run that begins at a page.
    pub(crate) fn free_after(&self, page: u32) -> Option<u32> {
        match self.page(page).word().state() {
            State::Free { pages } => self.within(page, pages),
            _ => None,
        }
    }

    /// The free run that ends before a page.
    fn free_before(&self, page: u32) -> Option<(u32, u32)> {
        let last = page.checked_sub(1)?;
        let first = match self.page(last).word().state() {
            State::LastFree { pages } => last.checked_sub(pages)?,
            _ => last,
        };
        let pages = self.free_after(first)?;
        // Else the word is of a run that is gone.
        (pages == page - first).then_some((first, pages))
    }

    /// Takes the front of the free run behind a run of whole pages, and makes it part of that.
    pub(crate) fn extend(&self, first: u32, pages: u32, more: u32, free: u32) {
        let (end, new_end) = (first + pages, first + pages + more);
        self.remove_free(end, free);
        if self.header.fresh.get() < new_end {
            self.header.fresh.set(new_end);
        }
        if free > more {
            self.page(new_end).commit(Word::free(free - more));
        }
        self.page(first).commit(Word::whole(pages + more));
        self.page(end).commit(Word::INSIDE);
        if free > more {
            self.add_free(new_end, free - more);
        }
    }

    /// Makes the last pages of a run of whole pages free.
    pub(crate) fn cut(&self, first: u32, pages: u32, kept: u32) {
        let (end, rest) = (first + kept, pages - kept);
        self.page(end).commit(Word::free(rest));
        self.page(first).commit(Word::whole(kept));
        let rest = self.join_right(end, rest, Word::free);
        self.add_free(end, rest);
    }

    /// Puts a free run, whose word is written, into the list of its length.
    pub(crate) fn add_free(&self, first: u32, pages: u32) {
        if pages > 1 {
            self.page(first + pages - 1).commit(Word::last_free(pages - 1));
        }
        let free_pages = &self.header.free_pages;
        free_pages.set(free_pages.get().wrapping_add(pages));
        let bins = &self.header.bins;
        let bin = Bins::of(pages);
        let next = bins.first(bin);
        self.page(first).next.set(next);
        self.page(first).before.set(NONE);
        self.page(next).before.set(first);
        bins.set_first(bin, first);
    }

    fn remove_free(&self, first: u32, pages: u32) {
        let free_pages = &self.header.free_pages;
        free_pages.set(free_pages.get().wrapping_sub(pages));
        let bin = Bins::of(pages);
        let (before, next) = (self.page(first).before.get(), self.page(first).next.get());
        self.page(next).before.set(before);
        if before == NONE {
            self.header.bins.set_first(bin, next);
        } else {
            self.page(before).next.set(next);
        }
    }
}
