//! The tables of a slab: all that is known of it, which can be copied and put back.
#![expect(unsafe_code, reason = "finds tables in memory")]

use std::mem;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::geometry::PAGE_BYTES;
use crate::slab::header::Header;
use crate::slab::page::Page;
use crate::slab::slab::Slab;

/// Offsets and bytes of all blocks that are handed out, in order.
pub(crate) type Live = Vec<(usize, usize)>;

/// The tables, as words.
pub(crate) struct State {
    words: Vec<AtomicU64>,
    pages: usize,
    base: usize,
}

impl State {
    /// All pages are free; the first is so many from address zero.
    pub(crate) fn new(pages: usize, base: usize) -> Self {
        let bytes = mem::size_of::<Header>() + (pages + 1) * mem::size_of::<Page>();
        let words = (0..bytes / 8).map(|_| AtomicU64::new(0)).collect();
        let state = Self { words, pages, base };
        state.slab().format();
        state
    }

    pub(crate) fn slab(&self) -> Slab<'_> {
        let header = self.words.as_ptr().cast::<Header>();
        // SAFETY: there is room for it, and for the entries behind it.
        let pages = unsafe { header.add(1) }.cast::<Page>();
        // SAFETY: words are as aligned, any bytes are a header, and all in it is atomic.
        let header = unsafe { &*header };
        // SAFETY: as above; there are so many.
        let pages = unsafe { slice::from_raw_parts(pages, self.pages + 1) };
        Slab::new(header, pages, self.base).expect("pages")
    }

    pub(crate) fn copy(&self) -> Vec<u64> {
        self.words.iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    pub(crate) fn put_back(&self, copy: &[u64]) {
        self.words.iter().zip(copy).for_each(|(word, &copy)| word.store(copy, Ordering::Relaxed));
    }

    /// What is handed out, if all is as it should be where nobody is at work.
    pub(crate) fn live(&self) -> Live {
        let (slab, mut live) = (self.slab(), vec![]);
        slab.check(|offset, bytes| live.push((offset, bytes))).unwrap();
        assert!(!slab.is_pending(), "a block would be freed after the next death");
        live
    }

    /// Frees all; then all pages are one run again.
    pub(crate) fn empty(&self, live: &Live) {
        live.iter().for_each(|&(offset, _)| self.slab().free(offset).unwrap());
        for _ in 0..2 {
            let all = self.slab().take_whole(self.pages * PAGE_BYTES, 1).expect("one run");
            self.slab().done();
            assert_eq!(all.offset, 0);
            self.slab().free(0).unwrap();
        }
        assert_eq!(self.live(), []);
    }
}
