//! What a slab knows of itself beside its pages: lists and counts.
#![forbid(unsafe_code)]

use core::array;
use core::sync::atomic::{AtomicU64, Ordering};

use super::bins::Bins;
use super::page::{Cache, NONE};
use crate::geometry::Class;

/// The front of a region. All zero is a slab without pages.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    /// See [`Pending`].
    pub(crate) pending: Pending,
    /// No page from this one on was ever handed out: they are all zero.
    pub(crate) fresh: Cache,
    pub(crate) free_pages: Cache,
    pub(crate) bins: Bins,
    pub(crate) classes: [Runs; Class::COUNT],
    /// Of requests for whole pages.
    pub(crate) whole: Counts,
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
    /// How many there are.
    pub(crate) count: Cache,
    /// How many blocks are handed out.
    pub(crate) used: Cache,
    pub(crate) counts: Counts,
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

    /// Only who has the slab to himself counts.
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0.store(self.get().wrapping_add(1), Ordering::Relaxed);
    }
}

/// A block on its way to its owner: if the process dies, it is to be freed. It is noted before the block
/// is taken, and until the owner has it.
#[repr(transparent)]
#[derive(Default, Debug)]
pub(crate) struct Pending(AtomicU64);

impl Pending {
    #[inline]
    pub(crate) fn note(&self, offset: usize) {
        self.0.store(offset as u64 + 1, Ordering::Release);
    }

    #[inline]
    pub(crate) fn clear(&self) {
        self.0.store(0, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Option<usize> {
        usize::try_from(self.0.load(Ordering::Relaxed).checked_sub(1)?).ok()
    }
}

impl Default for Header {
    fn default() -> Self {
        Self {
            pending: Pending::default(),
            fresh: Cache::default(),
            free_pages: Cache::default(),
            bins: Bins::default(),
            classes: array::from_fn(|_| Runs::default()),
            whole: Counts::default(),
        }
    }
}

impl Header {
    /// Forgets the lists, and what can be counted again.
    pub(crate) fn forget(&self) {
        self.free_pages.set(0);
        self.bins.clear();
        for runs in &self.classes {
            for list in [&runs.room, &runs.spare] {
                list.set(NONE);
            }
            for count in [&runs.count, &runs.used] {
                count.set(0);
            }
        }
    }

    #[inline]
    pub(crate) fn runs(&self, class: Class) -> &Runs {
        &self.classes[class.index()]
    }
}
