//! Runs of free pages: found by length, cut, and joined with their neighbours.
#![forbid(unsafe_code)]

use super::bins::Bins;
use super::page::{State, Word};
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

    /// Makes a run of `pages` pages of a place, of a class or handed out whole: with one store it is.
    pub(crate) fn settle(&self, place: Place, pages: u32, class: Option<Class>) {
        let Place { free, free_pages, first } = place;
        let (before, end) = (first - free, first + pages);
        let after = free + free_pages - end;
        self.header.begin_pages([free, first, end]);
        self.remove_free(free, free_pages);
        self.raise_fresh(end);
        if after > 0 {
            self.page(end).commit(Word::free(after));
        }
        if let Some(class) = class {
            let inside = |after| self.page(first + after).commit(Word::after_blocks(class, after));
            (1..pages).for_each(inside);
        }
        self.page(first).commit(class.map_or(Word::whole(pages), Word::blocks));
        if before > 0 {
            self.page(free).commit(Word::free(before));
            self.add_free(free, before);
        }
        if after > 0 {
            self.add_free(end, after);
        }
        self.header.journal.end_pages();
    }

    /// Makes the pages of a run free, and joins them with their neighbours: all with one store.
    pub(crate) fn clear(&self, run: u32, pages: u32) {
        let end = run + pages;
        let (left, right) = (self.free_before(run), self.free_after(end));
        let (first, left_pages) = left.unwrap_or((run, 0));
        let all = left_pages + pages + right.unwrap_or(0);
        self.header.begin_pages([first, run, end]);
        if left_pages > 0 {
            self.remove_free(first, left_pages);
        }
        if let Some(right) = right {
            self.remove_free(end, right);
        }
        self.page(first).commit(Word::free(all));
        if left_pages > 0 {
            self.page(run).commit(Word::INSIDE);
        }
        if right.is_some() {
            self.page(end).commit(Word::INSIDE);
        }
        self.add_free(first, all);
        self.header.journal.end_pages();
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
        self.header.begin_pages([first, end, new_end]);
        self.remove_free(end, free);
        self.raise_fresh(new_end);
        if free > more {
            self.page(new_end).commit(Word::free(free - more));
        }
        self.page(first).commit(Word::whole(pages + more));
        self.page(end).commit(Word::INSIDE);
        if free > more {
            self.add_free(new_end, free - more);
        }
        self.header.journal.end_pages();
    }

    /// Makes the last pages of a run of whole pages free, and joins them with those behind it.
    pub(crate) fn cut(&self, first: u32, pages: u32, kept: u32) {
        let (end, new_end) = (first + pages, first + kept);
        let right = self.free_after(end);
        let free = pages - kept + right.unwrap_or(0);
        self.header.begin_pages([first, new_end, end]);
        if let Some(right) = right {
            self.remove_free(end, right);
        }
        self.page(new_end).commit(Word::free(free));
        self.page(first).commit(Word::whole(kept));
        if right.is_some() {
            self.page(end).commit(Word::INSIDE);
        }
        self.add_free(new_end, free);
        self.header.journal.end_pages();
    }

    fn raise_fresh(&self, end: u32) {
        if self.header.fresh.get() < end {
            self.header.fresh.set(end);
        }
    }

    /// Puts a free run, whose word is written, into the list of its length.
    pub(super) fn add_free(&self, first: u32, pages: u32) {
        if pages > 1 {
            self.page(first + pages - 1).commit(Word::last_free(pages - 1));
        }
        let (bins, bin) = (&self.header.bins, Bins::of(pages));
        self.push(bins.first(bin), first);
        bins.mark(bin);
    }

    /// Takes a free run out of the list of its length.
    pub(super) fn remove_free(&self, first: u32, pages: u32) {
        let (bins, bin) = (&self.header.bins, Bins::of(pages));
        self.remove(bins.first(bin), first);
        bins.mark(bin);
    }
}
