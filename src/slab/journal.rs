//! `Journal`: what an operation is changing, for whoever finds that its process has died.
#![forbid(unsafe_code)]

use super::page::{Cache, NONE};

/// Which counts and links a death can leave wrong. All others are right, so that no more than these are
/// looked at: see [`Slab::recover`](super::slab::Slab::recover). Each is noted before it is touched.
///
/// Beside them an operation changes what is right either way. What is written of a run that is to be counts
/// for nothing before it is. The mark of fresh pages is raised in advance. That a class has an empty run
/// to spare is looked up before it is believed. A list's mark is made again with the run whose border
/// is noted. Of a block that was given back last nobody knows after a death.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Journal {
    /// The run that begins at this page is put into a list, or taken out of one, or was the last time.
    pub(crate) link: Cache,
    /// Of the run of blocks that begins at this page some come or go, or all of it does. The block of
    /// its class that was given back last may be another. Or this is over, and does no harm.
    pub(crate) run: Cache,
    /// Pages where a run begins, or is to begin, or did: in order, and the first one is such a page all
    /// the while. [`NONE`] as the first when this is over, as the next operation may have others begin.
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
