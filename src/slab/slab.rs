//! A slab, borrowed for an operation: allocating and freeing.
#![forbid(unsafe_code)]

use super::blocks::Block;
use super::damage::Damage;
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
    /// The most pages there can be.
    pub(crate) const MAX_PAGES: usize = 1 << 30;
    /// No region has more bytes.
    pub(crate) const MAX_BYTES: u64 = Self::MAX_PAGES as u64 * PAGE_BYTES as u64;

    /// Borrows one; `None` if there are no pages, or too many.
    pub(crate) fn new(header: &'a Header, pages: &'a [Page], base: usize) -> Option<Self> {
        let count = pages.len().checked_sub(1)?;
        (count <= Self::MAX_PAGES).then_some(Self { header, pages, base })
    }

    /// Makes a slab of tables that are all zero: one free run.
    pub(crate) fn format(&self) {
        self.header.clear();
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

    /// The run that begins at a page, free, of blocks or handed out whole, and its pages: at least one,
    /// and none beyond the last. Its word is read once.
    ///
    /// # Errors
    ///
    /// None begins there, or it is too long.
    pub(crate) fn run_at(&self, page: u32) -> Result<(State, u32), Damage> {
        let word = self.page(page).word();
        let pages = match word.state() {
            State::Free { pages } | State::Whole { pages } if pages > 0 => pages,
            State::Blocks { class } => class.plan().pages,
            _ => return Err(Damage::NoRun { page, word }),
        };
        match self.within(page, pages) {
            Some(pages) => Ok((word.state(), pages)),
            None => Err(Damage::TooLong { page, word }),
        }
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

    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// Hands out a block of at least `bytes` bytes at a multiple of `align`, a power of two, where that
    /// is quick. It is pending until [`Slab::done`]. If there is none, [`Slab::allocate`] is to be asked.
    #[inline]
    pub(crate) fn take(&self, bytes: usize, align: usize) -> Option<usize> {
        self.take_recent(Class::of(bytes, align)?)
    }

    /// As [`Slab::take`], be it quick or not; tells how much it is, and what of it was never used.
    /// None if there is no room.
    pub(crate) fn allocate(&self, bytes: usize, align: usize) -> Option<Grant> {
        match Class::of(bytes, align) {
            Some(class) => self.allocate_block(class),
            None => self.allocate_whole(bytes, align),
        }
    }

    /// Whether something was handed out whose owner does not have it yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.header.pending.get().is_some()
    }

    /// Has a block pending again that was handed out.
    pub(crate) fn pend(&self, offset: usize) {
        self.header.pending.note(offset);
    }

    /// Says that the owner has what was handed out.
    #[inline]
    pub(crate) fn done(&self) {
        self.header.pending.clear();
    }

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
        self.settle(place, pages, None);
        let used_before = fresh.saturating_sub(place.first).min(pages);
        let zero_from = used_before as usize * PAGE_BYTES;
        Some(Grant { offset, bytes: pages as usize * PAGE_BYTES, zero_from })
    }

    /// Takes a block back that was asked for with `bytes` and `align`, or was resized since, where that
    /// is quick. Returns whether it was; if not, nothing has changed, and [`Slab::free`] is to be asked.
    #[inline(always)]
    pub(crate) fn give(&self, offset: usize, bytes: usize, align: usize) -> bool {
        let (first, in_page) = (offset / PAGE_BYTES, (offset % PAGE_BYTES) as u32);
        let Some(class) = Class::of(bytes, align) else { return false };
        let Some(mut page) = self.pages.get(first) else { return false };
        let (mut run, mut in_run) = (first as u32, in_page);
        // Most blocks begin in the first page of their run: a guess that waits for no word.
        if page.word() != Word::blocks(class) {
            let Some(pages) = page.word().pages_into(class) else { return false };
            run = run.wrapping_sub(pages);
            in_run = in_run.wrapping_add(pages.wrapping_mul(PAGE_BYTES as u32));
            page = self.page(run);
            if page.word() != Word::blocks(class) {
                // The word was of a run that is gone.
                return false;
            }
        }
        match class.plan().block_at(in_run) {
            Some(number) => self.return_block(&Block { run, page, class, number, offset }),
            None => false,
        }
    }

    /// Takes back whatever begins at an offset.
    ///
    /// # Errors
    ///
    /// Nothing begins there, and nothing has changed.
    #[cold]
    pub(crate) fn free(&self, offset: usize) -> Result<(), Misuse> {
        match self.find(offset)? {
            Found::Block(block) => self.free_block(&block),
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
    pub(crate) fn find(&self, offset: usize) -> Result<Found<'a>, Misuse> {
        let page = u32::try_from(offset / PAGE_BYTES).map_err(|_| Misuse::Outside)?;
        if page >= self.page_count() {
            return Err(Misuse::Outside);
        }
        let in_page = (offset % PAGE_BYTES) as u32;
        match self.page(page).word().state() {
            State::Blocks { class } => self.find_block(page, class, offset),
            State::AfterBlocks { pages, .. } => self.find_after(page, pages, offset),
            State::Whole { pages } if in_page == 0 => {
                let pages = self.within(page, pages).ok_or(Misuse::NoBlock)?;
                Ok(Found::Whole { page, pages })
            }
            State::Free { .. } | State::LastFree { .. } if in_page == 0 => Err(Misuse::Freed),
            _ => Err(Misuse::NoBlock),
        }
    }

    fn find_block(&self, run: u32, class: Class, offset: usize) -> Result<Found<'a>, Misuse> {
        let in_run = offset - run as usize * PAGE_BYTES;
        let number = class.plan().block_at(in_run as u32).ok_or(Misuse::NoBlock)?;
        Ok(Found::Block(Block { run, page: self.page(run), class, number, offset }))
    }

    fn find_after(&self, page: u32, pages: u32, offset: usize) -> Result<Found<'a>, Misuse> {
        let run = page.checked_sub(pages).ok_or(Misuse::NoBlock)?;
        match self.page(run).word().state() {
            State::Blocks { class } if pages < class.plan().pages => {
                self.find_block(run, class, offset)
            }
            // The word is of a run that is gone.
            _ => Err(Misuse::NoBlock),
        }
    }
}

/// What begins somewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Block(Block<'a>),
    Whole { page: u32, pages: u32 },
}

/// How many pages hold so many bytes; at least one.
pub(crate) fn pages_for(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(PAGE_BYTES).max(1)).ok()
}
