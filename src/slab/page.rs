//! A page's entry in the table: what the page is, and its place in lists.
#![forbid(unsafe_code)]

use core::fmt;
use core::sync::atomic::Ordering;

use crate::atomic::{AtomicU32, AtomicU64};
use crate::geometry::Class;

/// What is known of a page, outside of it. All zero is the inside of a run.
///
/// ```text
///  0        8        12       16       20       24                     88
/// ┌────────┬────────┬────────┬────────┬────────┬──────────────────────┐
/// │ word   │ next   │ before │ vacant │ hint   │ bitmap               │
/// └────────┴────────┴────────┴────────┴────────┴──────────────────────┘
///   the truth │ what follows from it              │ the truth
/// ```
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Page {
    /// See [`Word`]. From page 0 on, the runs that the words tell of cover all pages, and none twice:
    /// before and after each single store.
    word: AtomicU64,
    /// The next run in the list of free runs of about this length, or of runs of this class with room.
    pub(crate) next: Cache,
    /// The one before.
    pub(crate) before: Cache,
    /// Of a run of blocks: how many are free.
    pub(crate) vacant: Cache,
    /// Of a run of blocks with room: a word of the bitmap that has some, as a rule.
    pub(crate) hint: Cache,
    /// Of a run of blocks: a bit for each, set while it is taken. In the last word that the class needs, bits
    /// that are of no block are set.
    pub(crate) bitmap: [Blocks; Class::BLOCKS_OF_A_RUN / 64],
}

impl Page {
    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Ordering::Relaxed))
    }

    /// Changes what the page is. Release, like every store to what is true: the compiler must not
    /// move it before an earlier one. Where it dies, a process has stored what comes before, and
    /// nothing of what comes after.
    #[inline]
    pub(crate) fn commit(&self, word: Word) {
        self.word.store(word.0, Ordering::Release);
    }

    /// A word of the bitmap. Whatever somebody else has written, there is one.
    #[inline]
    pub(crate) fn blocks(&self, index: u32) -> &Blocks {
        &self.bitmap[index as usize % self.bitmap.len()]
    }

    /// As much of the bitmap as a run of a class has.
    #[inline]
    pub(crate) fn bitmap_of(&self, class: Class) -> &[Blocks] {
        let words = class.plan().blocks.div_ceil(64) as usize;
        &self.bitmap[..words.min(self.bitmap.len())]
    }

    /// Counts the free blocks of a run of a class; none if bits are clear that are of no block.
    pub(crate) fn count_vacant(&self, class: Class) -> Option<u32> {
        let blocks = self.bitmap_of(class);
        let last = blocks.len().checked_sub(1)?;
        let is_right = !blocks[last].get() & no_blocks(class, last) == 0;
        is_right.then(|| blocks.iter().map(|blocks| blocks.get().count_zeros()).sum())
    }

    /// The index of the first word of the bitmap that has room.
    pub(crate) fn first_with_room(&self, class: Class) -> u32 {
        let has_room = |blocks: &Blocks| blocks.get() != Blocks::FULL;
        self.bitmap_of(class).iter().position(has_room).unwrap_or(0) as u32
    }
}

/// Which of 64 blocks are taken.
#[repr(transparent)]
#[derive(Default, Debug)]
pub(crate) struct Blocks(AtomicU64);

impl Blocks {
    /// All are taken, or are none.
    pub(crate) const FULL: u64 = u64::MAX;

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Release: see [`Page::commit`].
    #[inline]
    pub(crate) fn commit(&self, taken: u64) {
        self.0.store(taken, Ordering::Release);
    }
}

/// The bits of a word of a bitmap that are of no block: they are always set.
pub(crate) const fn no_blocks(class: Class, index: usize) -> u64 {
    let blocks = (class.plan().blocks as usize).saturating_sub(index * 64);
    if blocks < 64 { u64::MAX << blocks } else { 0 }
}

/// A number that follows from words and bitmaps, or from what others of its kind say. Where nobody is at
/// work it is right; a death leaves it wrong only where the [`Journal`](super::journal::Journal) says.
#[repr(transparent)]
#[derive(Default, Debug)]
pub(crate) struct Cache(AtomicU32);

impl Cache {
    #[inline]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Release, like all stores: see [`Page::commit`].
    #[inline]
    pub(crate) fn set(&self, number: u32) {
        self.0.store(number, Ordering::Release);
    }
}

/// No page: the end of a list.
pub(crate) const NONE: u32 = u32::MAX;

/// What the word of a page says.
///
/// ```text
///  63            32  31    16  15     8  7      0
/// ┌────────────────┬─────────┬─────────┬─────────┐
/// │ pages          │ 0       │ class   │ kind    │
/// └────────────────┴─────────┴─────────┴─────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

/// A word, read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Inside of a run, and nothing else.
    Inside,
    /// The first of so many free pages.
    Free { pages: u32 },
    /// The first page of a run of blocks.
    Blocks { class: Class },
    /// The first of so many pages that are handed out together.
    Whole { pages: u32 },
    /// So many pages after the first of a run of blocks.
    AfterBlocks { class: Class, pages: u32 },
    /// The last of free pages, so many after the first.
    LastFree { pages: u32 },
    /// What no word says.
    Unknown,
}

impl Word {
    pub(crate) const INSIDE: Self = Self(0);
    const FREE: u64 = 1;
    const BLOCKS: u64 = 2;
    const WHOLE: u64 = 3;
    const LAST_FREE: u64 = 4;
    const KIND: u64 = 0xFF;
    const CLASS_SHIFT: u32 = 8;
    const PAGES_SHIFT: u32 = 32;

    #[inline]
    const fn with_pages(kind: u64, pages: u32) -> Self {
        Self(kind | (pages as u64) << Self::PAGES_SHIFT)
    }

    pub(crate) const fn free(pages: u32) -> Self {
        Self::with_pages(Self::FREE, pages)
    }

    pub(crate) const fn blocks(class: Class) -> Self {
        Self(Self::BLOCKS | (class.index() as u64) << Self::CLASS_SHIFT)
    }

    pub(crate) const fn whole(pages: u32) -> Self {
        Self::with_pages(Self::WHOLE, pages)
    }

    /// That of the page so many pages, at least one, after the first of a run of blocks.
    pub(crate) const fn after_blocks(class: Class, pages: u32) -> Self {
        Self(Self::blocks(class).0 | (pages as u64) << Self::PAGES_SHIFT)
    }

    pub(crate) const fn last_free(pages: u32) -> Self {
        Self::with_pages(Self::LAST_FREE, pages)
    }

    /// How many pages after the first of a run of blocks of a class this is, if it is of one.
    #[inline]
    pub(crate) const fn pages_into(self, class: Class) -> Option<u32> {
        if self.0 as u32 == Self::blocks(class).0 as u32 {
            Some((self.0 >> Self::PAGES_SHIFT) as u32)
        } else {
            None
        }
    }

    #[cfg(test)]
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn state(self) -> State {
        let pages = (self.0 >> Self::PAGES_SHIFT) as u32;
        let class = self.0 >> Self::CLASS_SHIFT;
        match self.0 & Self::KIND {
            Self::BLOCKS => match Class::from_index((class & 0xFF_FFFF) as usize) {
                Some(class) if pages == 0 => State::Blocks { class },
                Some(class) => State::AfterBlocks { class, pages },
                None => State::Unknown,
            },
            _ if class << Self::CLASS_SHIFT << Self::PAGES_SHIFT != 0 => State::Unknown,
            Self::FREE => State::Free { pages },
            Self::WHOLE => State::Whole { pages },
            Self::LAST_FREE => State::LastFree { pages },
            0 if pages == 0 => State::Inside,
            _ => State::Unknown,
        }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            State::Unknown => write!(f, "Unknown({:#x})", self.0),
            state => state.fmt(f),
        }
    }
}
