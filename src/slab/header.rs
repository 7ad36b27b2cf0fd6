//! What a slab knows of itself beside its pages: lists and counts.
#![forbid(unsafe_code)]

use core::array;
use core::sync::atomic::Ordering;

use super::bins::Bins;
use super::blocks::Block;
use super::journal::Journal;
use super::page::{Cache, NONE};
use crate::atomic::{AtomicU16, AtomicU64};
use crate::geometry::Class;

/// The front of a region. All zero is none yet.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    /// See [`Pending`].
    pub(crate) pending: Pending,
    pub(crate) journal: Journal,
    /// No page from this one on was ever handed out: they are all zero.
    pub(crate) fresh: Cache,
    pub(crate) bins: Bins,
    pub(crate) classes: [Runs; Class::COUNT],
    /// Of each class: the requests that there was no room for.
    pub(crate) failures: [Counter; Class::COUNT],
    /// Of requests for whole pages.
    pub(crate) whole: Counts,
    /// How often pages became others. Where all is as it was before, this and the counts of requests tell
    /// whether nothing has happened.
    pub(crate) changes: Counter,
}

/// The runs of a class.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Runs {
    /// The first of those that have room.
    pub(crate) room: Cache,
    /// One that stays when it is empty, lest a block that comes and goes takes a run with it each time.
    /// No other is empty.
    pub(crate) spare: Cache,
    pub(crate) recent: Recent,
    pub(crate) requests: Counter,
}

/// The block of a class that was given back last: it is the next to be handed out. If it is the only
/// free one of its run, then that is in no list.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Recent {
    /// In bytes, from the first page on.
    offset: AtomicU64,
    /// [`NONE`] if it is handed out again.
    run: Cache,
    block: AtomicU16,
    /// How many other blocks of its run are free. Not 0 if it is handed out again.
    others: AtomicU16,
}

impl Recent {
    #[inline]
    pub(crate) fn set(&self, block: &Block<'_>, others: u32) {
        self.offset.store(block.offset as u64, Ordering::Release);
        self.run.set(block.run);
        self.block.store(block.number as u16, Ordering::Release);
        self.others.store(others as u16, Ordering::Release);
    }

    #[inline]
    pub(crate) fn forget(&self) {
        self.run.set(NONE);
        self.others.store(1, Ordering::Release);
    }

    #[inline]
    pub(crate) fn run(&self) -> u32 {
        self.run.get()
    }

    #[inline]
    pub(crate) fn block(&self) -> u32 {
        self.block.load(Ordering::Relaxed).into()
    }

    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.offset.load(Ordering::Relaxed) as usize
    }

    /// Whether it is the only free block of its run.
    #[inline]
    pub(crate) fn is_alone(&self) -> bool {
        self.others.load(Ordering::Relaxed) == 0
    }
}

/// What was asked for, since the slab was made.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Counts {
    pub(crate) requests: Counter,
    pub(crate) failures: Counter,
}

#[repr(transparent)]
#[derive(Default, Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }

    /// Only who has the slab to himself counts.
    #[inline]
    pub(crate) fn add_one(&self) {
        self.set(self.get().wrapping_add(1));
    }
}

/// A block on its way to its owner: if the process dies, it is to be freed. It is noted before the block
/// is taken, and until the owner has it.
#[repr(transparent)]
#[derive(Default, Debug)]
pub(crate) struct Pending(AtomicU64);

impl Pending {
    const NONE: u64 = u64::MAX;

    #[inline]
    pub(crate) fn note(&self, offset: usize) {
        self.0.store(offset as u64, Ordering::Release);
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(Self::NONE, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Option<usize> {
        match self.0.load(Ordering::Relaxed) {
            Self::NONE => None,
            offset => usize::try_from(offset).ok(),
        }
    }
}

impl Default for Header {
    fn default() -> Self {
        Self {
            pending: Pending::default(),
            journal: Journal::default(),
            fresh: Cache::default(),
            bins: Bins::default(),
            classes: array::from_fn(|_| Runs::default()),
            failures: array::from_fn(|_| Counter::default()),
            whole: Counts::default(),
            changes: Counter::default(),
        }
    }
}

impl Header {
    /// Says that nothing is pending, under way, or in a list.
    pub(crate) fn clear(&self) {
        self.pending.clear();
        self.journal.clear();
        self.bins.clear();
        for runs in &self.classes {
            for list in [&runs.room, &runs.spare] {
                list.set(NONE);
            }
            runs.recent.forget();
        }
    }

    /// Notes which pages are to become others: see [`Journal::begin_pages`].
    pub(crate) fn begin_pages(&self, borders: [u32; 3]) {
        self.changes.add_one();
        self.journal.begin_pages(borders);
    }

    #[inline]
    pub(crate) fn runs(&self, class: Class) -> &Runs {
        &self.classes[class.index()]
    }

    pub(crate) fn failures(&self, class: Class) -> &Counter {
        &self.failures[class.index()]
    }
}
