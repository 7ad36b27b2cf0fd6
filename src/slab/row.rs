//! Runs of blocks that follow each other, found by a look at each page in turn.
#![forbid(unsafe_code)]

use super::page::Word;
use super::slab::Slab;
use crate::geometry::Class;

/// Runs of blocks side by side: the first page and the class of each.
#[derive(Debug)]
pub(crate) struct Row {
    runs: [(u32, Class); Row::PAGES],
    count: usize,
}

impl Row {
    /// So many pages are looked at: few enough to be at hand for whoever goes through the runs, and
    /// more than a run has.
    const PAGES: usize = 64;

    /// None is found yet.
    pub(crate) fn new() -> Self {
        Self { runs: [(0, Class::SMALLEST); Self::PAGES], count: 0 }
    }

    pub(crate) fn runs(&self) -> &[(u32, Class)] {
        self.runs.get(..self.count).unwrap_or(&[])
    }

    /// Finds the runs from a page on, up to a page whose word is not that of a run of blocks in this
    /// place; it may be that there are none.
    ///
    /// Which page begins the next run is known when the word of this one is read. Whoever goes from run
    /// to run by that waits for each word; and if he guesses, he is wrong at every second run. So each
    /// page is looked at, and a branch is but where the row ends.
    pub(crate) fn find(&mut self, slab: Slab<'_>, from: u32) {
        let pages = slab.pages.get(from as usize..slab.page_count() as usize).unwrap_or(&[]);
        let (mut count, mut next) = (0, Next::FIRST);
        for (page, entry) in (from..).zip(pages.iter().take(Self::PAGES)) {
            let word = entry.word();
            let Some(class) = word.class() else { break };
            if !next.is(word) {
                break;
            }
            self.runs[count % Self::PAGES] = (page, class);
            count += usize::from(word.after_first() == 0);
            next = Next::after(word, class);
        }
        // The last run may go on where nobody has looked, or not as it should.
        self.count = count - usize::from(next.is_inside());
    }
}

/// What is known of the word of the next page. There are no branches in this, and nothing of which the
/// compiler makes one.
#[derive(Clone, Copy)]
struct Next {
    bits: u64,
    /// All bits inside of a run, and none where one is to begin.
    inside: u64,
}

impl Next {
    /// The first page of a run of any class.
    const FIRST: Self = Self { bits: 0, inside: 0 };

    /// What comes after a page of a run of a class.
    #[inline]
    fn after(word: Word, class: Class) -> Self {
        let is_last = word.after_first() + 1 == class.plan().pages;
        let inside = u64::from(is_last).wrapping_sub(1);
        Self { bits: word.next().bits() & inside, inside }
    }

    /// Whether it is this word, which is of a run of blocks.
    #[inline]
    fn is(self, word: Word) -> bool {
        (word.bits() ^ self.bits) & (Word::AFTER_FIRST | self.inside) == 0
    }

    fn is_inside(self) -> bool {
        self.inside != 0
    }
}
