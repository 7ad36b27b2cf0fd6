//! `Journal`: what an operation is changing, for whoever finds that its process has died.
#![forbid(unsafe_code)]

use super::page::{Cache, NONE};

/// Where a death can leave something that is not as it should be. Everywhere else all is right, so
/// that no more than this is looked at: see [`Slab::recover`](super::slab::Slab::recover).
///
/// Each place is noted before it is touched. A note whose operation is done does no harm.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Journal {
    /// The run that begins at this page is put into a list, or taken out of one.
    pub(crate) link: Cache,
    /// Of the run of blocks that begins at this page some come or go, or all of it does. The block of
    /// its class that was given back last may be another.
    pub(crate) run: Cache,
    /// Pages where a run begins, or is to begin, or did: in order, and the first one is such a page all
    /// the while. [`NONE`] as the first if there are none.
    borders: [Cache; 3],
}

impl Journal {
    /// Says that nothing is under way.
    pub(crate) fn clear(&self) {
        self.end_pages();
        self.link.set(NONE);
        self.run.set(NONE);
    }

    /// Says which pages are to become others. No other pages are noted.
    pub(crate) fn begin_pages(&self, [first, others @ ..]: [u32; 3]) {
        self.borders[1].set(others[0]);
        self.borders[2].set(others[1]);
        // Last: there are none before.
        self.borders[0].set(first);
    }

    /// The pages are what they were to become, and in their lists.
    pub(crate) fn end_pages(&self) {
        self.borders[0].set(NONE);
    }

    /// What [`Journal::begin_pages`] was told, if it is under way.
    pub(crate) fn pages(&self) -> Option<[u32; 3]> {
        let borders = self.borders.each_ref().map(Cache::get);
        (borders[0] != NONE).then_some(borders)
    }
}
