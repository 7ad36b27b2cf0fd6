//! A slab's tables as one value: shared with other processes, or copied out of what they share.
#![expect(unsafe_code, reason = "finds tables in a mapping, and reads them as words")]

use core::array;
use core::mem::ManuallyDrop;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use super::phase::Phases;
use crate::slab::header::Header;
use crate::slab::page::Page;
use crate::slab::slab::Slab;
use crate::sys::mapping::Memory;

pub(super) const PAGES: usize = 40;
/// Odd, so that no alignment is met by chance at the first page.
const BASE: usize = 1;

/// The tables of a slab of [`PAGES`] pages. They have no padding: see [`FixedTables::words`].
#[repr(C)]
pub(super) struct FixedTables {
    header: Header,
    pages: [Page; PAGES + 1],
}

/// What a process that works on tables shares with the one that looks on.
#[repr(C)]
pub(super) struct Stage {
    pub(super) tables: FixedTables,
    pub(super) phases: Phases,
}

impl FixedTables {
    /// Makes tables in private memory. All pages are free.
    pub(super) fn new() -> Box<Self> {
        let tables = Self::blank();
        tables.slab().format();
        tables
    }

    fn blank() -> Box<Self> {
        Box::new(Self { header: Header::default(), pages: array::from_fn(|_| Page::default()) })
    }

    pub(super) fn slab(&self) -> Slab<'_> {
        Slab::new(&self.header, &self.pages, BASE).expect("tables that go together")
    }

    pub(super) fn copy(&self) -> Box<Self> {
        let copy = Self::blank();
        copy.become_like(self);
        copy
    }

    pub(super) fn become_like(&self, other: &Self) {
        for (word, other) in self.words().iter().zip(other.words()) {
            word.store(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// All of it, as numbers.
    fn words(&self) -> &[AtomicU64] {
        const WORDS: usize = size_of::<FixedTables>() / size_of::<AtomicU64>();
        const { assert!(align_of::<Self>() == align_of::<AtomicU64>()) };
        // SAFETY: the tables consist of nothing but atomics of 4 and 8 bytes, side by side; while these
        // are read or written as one, nobody else does anything with them.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).cast(), WORDS) }
    }

    /// All of it, for comparisons without end: these are one call.
    fn bytes(&self) -> &[u8] {
        // SAFETY: there is no padding, and while the bytes are borrowed, nobody writes.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).cast(), size_of::<Self>()) }
    }
}

impl PartialEq for FixedTables {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Stage {
    /// Makes one in memory that this process shares with those it forks. It stays for good.
    pub(super) fn share() -> &'static Self {
        let memory = Memory::memfd(size_of::<Self>()).expect("memory to share");
        let memory = ManuallyDrop::new(memory);
        // SAFETY: there is room for it, zeroed, which is a value of each of its atomics; it is mapped
        // for good, and nothing else is in it.
        unsafe { memory.start().cast().as_ref() }
    }
}
