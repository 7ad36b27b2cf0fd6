//! A slab, borrowed for an operation: allocating and freeing.
#![forbid(unsafe_code)]

use core::sync::atomic::AtomicU64;

use super::header::Header;
use super::page::{Page, State, Word};
use crate::geometry::{Class, PAGE_BYTES};

/// A slab's tables. Whoever has it has the slab to himself.
///
/// Offsets are in bytes, from the first page on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slab<'a> {
    pub(crate) header: &'a Header,
    /// One for each page, and one more, which stands in for those that there are not.
    pub(crate) pages: &'a [Page],
    /// [`Slab::BITMAP_WORDS`] for each page.
    pub(crate) bitmaps: &'a [AtomicU64],
    /// How far the first page is from address zero, in pages: for alignments beyond a page.
    base: usize,
}

/// What was handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grant {
    pub(crate) offset: usize,
    /// At least as many as were asked for.
    pub(crate) bytes: usize,
    /// The bytes from here on are zero: nobody has ever had them.
    pub(crate) zero_from: usize,
}

/// Why something was not freed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misuse {
    /// It lies in no page.
    Outside,
    /// No block begins there.
    NoBlock,
    /// The block is free.
    Freed,
}

impl<'a> Slab<'a> {
    /// Words of bitmap that each page has: a bit for each of the smallest blocks.
    pub(crate) const BITMAP_WORDS: usize = Class::BLOCKS_OF_A_PAGE / 64;
    /// The most pages there can be.
    pub(crate) const MAX_PAGES: usize = 1 << 30;

    /// Borrows one; `None` if the tables do not go together.
    pub(crate) fn new(
        header: &'a Header,
        pages: &'a [Page],
        bitmaps: &'a [AtomicU64],
        base: usize,
    ) -> Option<Self> {
        let count = pages.len().checked_sub(1)?;
        let fits = bitmaps.len() == count * Self::BITMAP_WORDS && count <= Self::MAX_PAGES;
        fits.then_some(Self { header, pages, bitmaps, base })
    }

    /// Makes a slab of tables that are all zero: one free run.
    pub(crate) fn format(&self) {
        self.header.forget();
        if self.page_count() > 0 {
            self.page(0).commit(Word::free(self.page_count()));
            self.add_free(0, self.page_count());
        }
    }

    /// The pages of a run, if that is one: whatever somebody else has written, no operation goes
    /// beyond the last page.
    pub(crate) fn within(&self, page: u32, pages: u32) -> Option<u32> {
        let left = self.page_count().checked_sub(page)?;
        (pages > 0 && pages <= left).then_some(pages)
    }

    #[inline]
    pub(crate) fn page_count(&self) -> u32 {
        self.pages.len() as u32 - 1
    }

    /// The entry of a page, or the one that stands in for it.
    #[inline]
    pub(crate) fn page(&self, page: u32) -> &'a Page {
        let last = self.pages.len() - 1;
        &self.pages[(page as usize).min(last)]
    }

    /// The bitmap of the run of blocks that begins at a page.
    #[inline]
    pub(crate) fn bitmap(&self, page: u32, class: Class) -> &'a [AtomicU64] {
        let first = page as usize * Self::BITMAP_WORDS;
        let words = (class.plan().blocks as usize).div_ceil(64);
        self.bitmaps.get(first..first + words).unwrap_or(&[])
    }

    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Hands out a block of at least `bytes` bytes at a multiple of `align`, a power of two; none if
    /// there is no room. It is pending until [`Slab::done`].
    #[inline]
    pub(crate) fn take(&self, bytes: usize, align: usize) -> Option<usize> {
        match Class::of(bytes, align) {
            Some(class) => self.allocate_block(class),
            None => self.allocate_whole(bytes, align).map(|grant| grant.offset),
        }
    }

    /// As [`Slab::take`]; tells how much it is, and what of it was never used.
    pub(crate) fn allocate(&self, bytes: usize, align: usize) -> Option<Grant> {
        let Some(class) = Class::of(bytes, align) else { return self.allocate_whole(bytes, align) };
        let offset = self.allocate_block(class)?;
        let bytes = match self.find(offset) {
            Ok(Found::Whole { pages, .. }) => pages as usize * PAGE_BYTES,
            _ => class.plan().block_bytes as usize,
        };
        Some(Grant { offset, bytes, zero_from: bytes })
    }

    /// Says that the owner has what was handed out.
    #[inline]
    pub(crate) fn done(&self) {
        self.header.pending.clear();
    }

    #[inline(never)]
    fn allocate_whole(&self, bytes: usize, align: usize) -> Option<Grant> {
        let counts = &self.header.whole;
        counts.requests.add_one();
        let grant = self.take_whole(bytes, align);
        if grant.is_none() {
            counts.failures.add_one();
        }
        grant
    }

    pub(crate) fn take_whole(&self, bytes: usize, align: usize) -> Option<Grant> {
        let pages = pages_for(bytes)?;
        let align = u32::try_from(align.div_ceil(PAGE_BYTES)).ok()?;
        let place = self.place_or_spares(pages, align)?;
        let fresh = self.header.fresh.get();
        let offset = place.first as usize * PAGE_BYTES;
        self.header.pending.note(offset);
        self.settle(place, pages, Word::whole(pages));
        let used_before = fresh.saturating_sub(place.first).min(pages);
        let zero_from = used_before as usize * PAGE_BYTES;
        Some(Grant { offset, bytes: pages as usize * PAGE_BYTES, zero_from })
    }

    /// Takes a block back that was asked for with `bytes` and `align`, or was resized since.
    ///
    /// # Errors
    ///
    /// It is none, and nothing has changed.
    #[inline]
    pub(crate) fn give(&self, offset: usize, bytes: usize, align: usize) -> Result<(), Misuse> {
        let page = (offset / PAGE_BYTES) as u32;
        let in_page = (offset % PAGE_BYTES) as u32;
        if let (Some(class), Some(entry)) =
            (Class::of(bytes, align), self.pages.get(offset / PAGE_BYTES))
        {
            // Most blocks begin in the first page of their run: a guess that waits for no word.
            if entry.word() == Word::blocks(class) {
                let block = class.plan().block_at(in_page).ok_or(Misuse::NoBlock)?;
                return self.free_block(entry, page, class, block);
            }
            if let Some(pages) = entry.word().pages_into(class) {
                let run = page.wrapping_sub(pages);
                let first = self.page(run);
                // Else the word is of a run that is gone.
                if first.word() == Word::blocks(class) {
                    let in_run = pages.wrapping_mul(PAGE_BYTES as u32).wrapping_add(in_page);
                    let block = class.plan().block_at(in_run).ok_or(Misuse::NoBlock)?;
                    return self.free_block(first, run, class, block);
                }
            }
        }
        self.free(offset)
    }

    /// Takes back whatever begins at an offset.
    ///
    /// # Errors
    ///
    /// Nothing begins there, and nothing has changed.
    #[cold]
    pub(crate) fn free(&self, offset: usize) -> Result<(), Misuse> {
        match self.find(offset)? {
            Found::Block { run, class, block } => {
                self.free_block(self.page(run), run, class, block)
            }
            Found::Whole { page, pages } => {
                self.clear(page, pages);
                Ok(())
            }
        }
    }

    /// Returns what begins at an offset, be it free.
    ///
    /// # Errors
    ///
    /// Nothing that could be handed out begins there.
    pub(crate) fn find(&self, offset: usize) -> Result<Found, Misuse> {
        let page = u32::try_from(offset / PAGE_BYTES).map_err(|_| Misuse::Outside)?;
        if page >= self.page_count() {
            return Err(Misuse::Outside);
        }
        let in_page = (offset % PAGE_BYTES) as u32;
        match self.page(page).word().state() {
            State::Blocks { class } => Self::find_block(page, class, in_page),
            State::AfterBlocks { pages, .. } => self.find_after(page, pages, in_page),
            State::Whole { pages } if in_page == 0 => {
                let pages = self.within(page, pages).ok_or(Misuse::NoBlock)?;
                Ok(Found::Whole { page, pages })
            }
            State::Free { .. } | State::LastFree { .. } if in_page == 0 => Err(Misuse::Freed),
            _ => Err(Misuse::NoBlock),
        }
    }

    #[inline]
    fn find_block(run: u32, class: Class, in_run: u32) -> Result<Found, Misuse> {
        let block = class.plan().block_at(in_run).ok_or(Misuse::NoBlock)?;
        Ok(Found::Block { run, class, block })
    }

    fn find_after(&self, page: u32, pages: u32, in_page: u32) -> Result<Found, Misuse> {
        let run = page.checked_sub(pages).ok_or(Misuse::NoBlock)?;
        match self.page(run).word().state() {
            State::Blocks { class } if pages < class.plan().pages => {
                Self::find_block(run, class, pages * PAGE_BYTES as u32 + in_page)
            }
            // The word is of a run that is gone.
            _ => Err(Misuse::NoBlock),
        }
    }
}

/// What begins somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Block { run: u32, class: Class, block: u32 },
    Whole { page: u32, pages: u32 },
}

/// How many pages hold so many bytes; at least one.
pub(crate) fn pages_for(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(PAGE_BYTES).max(1)).ok()
}
