//! Where lists of free runs begin, by length.
#![forbid(unsafe_code)]

use core::array;
use core::sync::atomic::Ordering;

use super::page::{Cache, NONE};
use crate::atomic::AtomicU64;

/// The first free run of each length, or range of lengths.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Bins {
    /// A bit for each bin that is not empty.
    occupied: [AtomicU64; 2],
    first: [Cache; Bins::COUNT],
}

impl Default for Bins {
    fn default() -> Self {
        Self { occupied: Default::default(), first: array::from_fn(|_| Cache::default()) }
    }
}

impl Bins {
    pub(crate) const COUNT: usize = 128;
    /// The greatest length that has a bin of its own. From there on there are four to a doubling.
    const EXACT: u32 = 16;

    /// Returns the bin of a length, which is not 0.
    pub(crate) const fn of(pages: u32) -> usize {
        if pages <= Self::EXACT {
            return pages as usize - 1;
        }
        let doubling = pages.ilog2();
        let quarter = (pages >> (doubling - 2)) & 3;
        (Self::EXACT + (doubling - Self::EXACT.ilog2()) * 4 + quarter) as usize
    }

    /// Where the list of a bin begins.
    pub(crate) fn first(&self, bin: usize) -> &Cache {
        &self.first[bin % Self::COUNT]
    }

    /// Where all lists begin.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &Cache> {
        self.first.iter()
    }

    /// Notes whether a bin is empty.
    pub(crate) fn mark(&self, bin: usize) {
        let occupied = &self.occupied[bin / 64 % self.occupied.len()];
        let (before, bit) = (occupied.load(Ordering::Relaxed), 1 << (bin % 64));
        let is_empty = self.first(bin).get() == NONE;
        let after = if is_empty { before & !bit } else { before | bit };
        occupied.store(after, Ordering::Release);
    }

    pub(crate) fn is_occupied(&self, bin: usize) -> bool {
        let word = self.occupied.get(bin / 64).map_or(0, |word| word.load(Ordering::Relaxed));
        word >> (bin % 64) & 1 == 1
    }

    /// Returns the first bin after `bin` that is not empty.
    pub(crate) fn occupied_after(&self, bin: usize) -> Option<usize> {
        let from = bin + 1;
        let above = |word: usize| u64::MAX.checked_shl(from.saturating_sub(word * 64) as u32);
        self.occupied.iter().enumerate().skip(from / 64).find_map(|(word, occupied)| {
            let occupied = occupied.load(Ordering::Relaxed) & above(word)?;
            (occupied != 0).then(|| word * 64 + occupied.trailing_zeros() as usize)
        })
    }

    pub(crate) fn clear(&self) {
        self.lists().for_each(|first| first.set(NONE));
        (0..Self::COUNT).for_each(|bin| self.mark(bin));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_go_up_with_the_length_and_short_runs_have_their_own() {
        for pages in 1..100_000 {
            let step = Bins::of(pages + 1) - Bins::of(pages);
            assert!(step == 1 || (step == 0 && pages >= 17), "{pages}");
            let about = pages / 4;
            assert!(Bins::of(pages + about + 1) > Bins::of(pages), "{pages}");
        }
        assert_eq!(Bins::of(u32::MAX), Bins::COUNT - 1);
    }
}
