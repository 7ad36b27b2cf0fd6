//! Lists of runs: of free ones of about a length, and of those of a class that have room.
#![forbid(unsafe_code)]

use super::page::{Cache, NONE};
use super::slab::Slab;

/// A run is in one list at most. From the first on, each is the next of the one before it: with one store a
/// run is in its list, and with one store it is not. That each knows the one before is put in order
/// after a death by [`Slab::mend_links`].
impl<'a> Slab<'a> {
    /// The runs of a list.
    pub(crate) fn listed(&self, first: &Cache) -> impl Iterator<Item = u32> + use<'a> {
        let slab = *self;
        let known = move |page: u32| (page < slab.page_count()).then_some(page);
        core::iter::successors(known(first.get()), move |&page| known(slab.page(page).next.get()))
            // Whatever somebody else has written: there are no more.
            .take(self.page_count() as usize)
    }

    /// Puts a run at the front of a list.
    #[inline]
    pub(crate) fn push(&self, first: &Cache, run: u32) {
        let next = first.get();
        self.header.journal.link.set(run);
        self.page(run).next.set(next);
        self.page(run).before.set(NONE);
        self.page(next).before.set(run);
        first.set(run);
    }

    /// Takes a run out of a list.
    #[inline]
    pub(crate) fn remove(&self, first: &Cache, run: u32) {
        let (before, next) = (self.page(run).before.get(), self.page(run).next.get());
        self.header.journal.link.set(run);
        self.page(next).before.set(before);
        if before == NONE {
            first.set(next);
        } else {
            self.page(before).next.set(next);
        }
    }

    /// Puts in order what a death has left of [`Slab::push`] or [`Slab::remove`].
    pub(super) fn mend_links(&self) {
        let run = self.header.journal.link.get();
        if run >= self.page_count() {
            return;
        }
        let next = self.page(self.page(run).next.get());
        if self.is_listed(run) {
            next.before.set(run);
        } else if next.before.get() == run {
            // It was to come before the first.
            next.before.set(NONE);
        }
    }

    /// Whether a run is in a list. If it is not the one that [`Slab::mend_links`] is for, that is done.
    pub(crate) fn is_listed(&self, run: u32) -> bool {
        self.is_next(run) || self.lists().any(|first| first.get() == run)
    }

    /// Whether a run is in a list, and not the first.
    pub(super) fn is_next(&self, run: u32) -> bool {
        // Of two that have nothing to do with each other any more, one at least has forgotten the
        // other: whoever goes is no longer the next of the one before, who is no longer before the next.
        let before = self.page(run).before.get();
        before < self.page_count() && self.page(before).next.get() == run
    }

    /// Where all lists begin.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &'a Cache> + use<'a> {
        let of_classes = self.header.classes.iter().map(|runs| &runs.room);
        of_classes.chain(self.header.bins.lists())
    }
}
