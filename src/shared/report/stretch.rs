//! Stretches of a picture: neighbouring pages that look the same, and what is told of them.
#![forbid(unsafe_code)]

use core::fmt::{self, Display, Formatter};
use core::ops::Range;
use std::collections::BTreeMap;

use super::palette::{Look, Paint};
use super::report::{PageRun, PageUsage};

/// Some pages in a row that have one colour, which is that of most of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cell {
    pub(super) pages: Range<u32>,
    pub(super) look: Look,
    /// Whether the next cell begins in the run that this one ends in.
    pub(super) goes_on: bool,
}

/// What some pages in a row are used for. Its text is a tooltip.
#[derive(Debug)]
pub(super) struct Stretch<'a> {
    pages: Range<u32>,
    /// Those that lie there, if only in part.
    runs: &'a [PageRun],
    /// How many pages each paint has.
    paints: BTreeMap<Paint, u32>,
    used_bytes: u64,
    total_bytes: u64,
}

pub(super) const fn end_of(run: &PageRun) -> u32 {
    run.first_page.saturating_add(run.pages)
}

impl Cell {
    /// The cell of some pages, of which there are runs.
    pub(super) fn of(runs: &[PageRun], pages: Range<u32>) -> Option<Self> {
        let stretch = Stretch::of(runs, pages.clone());
        let goes_on = stretch.runs.last().is_some_and(|run| end_of(run) > pages.end);
        Some(Self { look: stretch.most()?.look(stretch.fill()), goes_on, pages })
    }
}

impl<'a> Stretch<'a> {
    pub(super) fn of(runs: &'a [PageRun], pages: Range<u32>) -> Self {
        let first = runs.partition_point(|run| end_of(run) <= pages.start);
        let end = runs.partition_point(|run| run.first_page < pages.end);
        let runs = runs.get(first..end).unwrap_or_default();
        let paints = BTreeMap::new();
        let mut stretch = Self { pages, runs, paints, used_bytes: 0, total_bytes: 0 };
        runs.iter().for_each(|run| stretch.add(run));
        stretch
    }

    fn add(&mut self, run: &PageRun) {
        let begin = run.first_page.max(self.pages.start);
        let pages = end_of(run).min(self.pages.end).saturating_sub(begin);
        *self.paints.entry(Paint::of(run.usage)).or_default() += pages;
        let (used, total) = match run.usage {
            PageUsage::Free => return,
            PageUsage::Blocks { used, total, .. } => (used, total.max(1)),
            PageUsage::Whole | PageUsage::Unknown => (1, 1),
        };
        // By pages: a run of several counts for as many as lie here.
        let weight = u64::from(pages) << 16;
        self.used_bytes += weight * u64::from(used.min(total)) / u64::from(total);
        self.total_bytes += weight;
    }

    /// What most of the pages are used for.
    fn most(&self) -> Option<Paint> {
        self.paints.iter().max_by_key(|(_, pages)| **pages).map(|(paint, _)| *paint)
    }

    /// How much of what is not free is handed out, from 0 to 1.
    fn fill(&self) -> f32 {
        match self.total_bytes {
            0 => 0.0,
            total => self.used_bytes as f32 / total as f32,
        }
    }

    fn write_usage(&self, f: &mut Formatter<'_>, paint: Paint) -> fmt::Result {
        if self.paints.len() > 1 {
            write!(f, "mostly {paint}")?;
        } else {
            write!(f, "{paint} in {} runs", self.runs.len())?;
        }
        match paint {
            Paint::Blocks(_) => write!(f, ", {:.0} % used", self.fill() * 100.0),
            _ => Ok(()),
        }
    }
}

impl Display for Stretch<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.pages.start, self.pages.end.saturating_sub(1));
        if first == last {
            write!(f, "page {first}: ")?;
        } else {
            write!(f, "pages {first} to {last}: ")?;
        }
        match (self.runs, self.most()) {
            (&[PageRun { usage: PageUsage::Blocks { block_bytes, used, total }, .. }], _) => {
                write!(f, "{used} of {total} blocks of {block_bytes} bytes")
            }
            ([_], Some(paint)) => write!(f, "{paint}"),
            (_, Some(paint)) => self.write_usage(f, paint),
            (_, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: PageUsage = PageUsage::Blocks { block_bytes: 64, used: 16, total: 64 };
    const RUNS: [(u32, u32, PageUsage); 5] = [
        (0, 1, BLOCKS),
        (1, 1, BLOCKS),
        (2, 3, PageUsage::Whole),
        (5, 1, PageUsage::Whole),
        (6, 10, PageUsage::Free),
    ];

    fn runs() -> Vec<PageRun> {
        RUNS.map(|(first_page, pages, usage)| PageRun { first_page, pages, usage }).into()
    }

    #[test]
    fn a_tooltip_says_as_much_as_is_true_of_all_its_pages() {
        let runs = runs();
        let text = |pages| Stretch::of(&runs, pages).to_string();
        assert_eq!(text(0..1), "page 0: 16 of 64 blocks of 64 bytes");
        assert_eq!(text(0..2), "pages 0 to 1: blocks of 64 bytes in 2 runs, 25 % used");
        assert_eq!(text(0..3), "pages 0 to 2: mostly blocks of 64 bytes, 50 % used");
        assert_eq!(text(3..5), "pages 3 to 4: whole pages");
        assert_eq!(text(2..6), "pages 2 to 5: whole pages in 2 runs");
        assert_eq!(text(1..6), "pages 1 to 5: mostly whole pages");
        assert_eq!(text(6..16), "pages 6 to 15: free");
    }

    #[test]
    fn a_cell_goes_on_where_its_last_run_does() {
        let goes_on = |pages| Cell::of(&runs(), pages).map(|cell| cell.goes_on);
        assert_eq!([goes_on(0..4), goes_on(4..5), goes_on(4..8)], [true, false, true].map(Some));
        assert_eq!(goes_on(16..20), None);
    }
}
