//! `SlabStats`: what a slab has handed out, by class.
#![forbid(unsafe_code)]

use core::array;

use super::page::State;
use super::slab::Slab;
use crate::geometry::{Class, PAGE_BYTES};

/// What is handed out and what is left, in one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SlabStats {
    /// All bytes, the tables included.
    pub bytes: usize,
    /// All pages, of [`SlabStats::PAGE_BYTES`] bytes.
    pub pages: usize,
    /// Those that are free: of no class, and not handed out.
    #[doc(alias = "pfree")]
    pub free_pages: usize,
    /// Those that are handed out as such: for more than a class has, or beyond a page's alignment.
    pub whole_pages: usize,
    /// All that is handed out: blocks of classes, and whole pages, of which a run is one block.
    pub used_blocks: usize,
    /// The bytes of these blocks, all of a block's and all of a run's pages: at least what was asked for.
    pub used_bytes: usize,
    /// The size classes, the smallest first.
    pub classes: [ClassStats; SlabStats::CLASSES],
    /// How often whole pages were asked for.
    pub page_requests: u64,
    /// How often there were not enough in a row.
    pub page_failures: u64,
}

/// What is handed out of a size class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[doc(alias = "ngx_slab_stat_t")]
pub struct ClassStats {
    /// The bytes of a block.
    pub block_bytes: usize,
    /// The blocks of all runs of pages that the class has.
    pub total: usize,
    /// Those that are handed out.
    pub used: usize,
    /// How often one was asked for.
    pub requests: u64,
    /// How often there was none, and no pages for more.
    pub failures: u64,
}

impl SlabStats {
    /// The number of size classes.
    pub const CLASSES: usize = Class::COUNT;
    /// The bytes of a page, whatever the system's pages have.
    pub const PAGE_BYTES: usize = PAGE_BYTES;

    pub(crate) fn unused(bytes: usize) -> Self {
        let classes = array::from_fn(|index| ClassStats::of(index, [0, 0], [0, 0]));
        Self {
            bytes,
            pages: 0,
            free_pages: 0,
            whole_pages: 0,
            used_blocks: 0,
            used_bytes: 0,
            classes,
            page_requests: 0,
            page_failures: 0,
        }
    }

    pub(crate) fn of(bytes: usize, slab: &Slab<'_>) -> Self {
        let (header, tally) = (slab.header, Tally::of(slab));
        let classes: [ClassStats; Self::CLASSES] = array::from_fn(|index| {
            let counts = [header.classes[index].requests.get(), header.failures[index].get()];
            ClassStats::of(index, tally.classes[index], counts)
        });
        let whole = (tally.whole_runs, tally.whole_pages.saturating_mul(PAGE_BYTES));
        let (used_blocks, used_bytes) = classes.iter().fold(whole, |(blocks, bytes), class| {
            (blocks.saturating_add(class.used), bytes.saturating_add(class.used_bytes()))
        });
        Self {
            bytes,
            pages: slab.page_count() as usize,
            free_pages: tally.free_pages,
            whole_pages: tally.whole_pages,
            used_blocks,
            used_bytes,
            classes,
            page_requests: header.whole.requests.get(),
            page_failures: header.whole.failures.get(),
        }
    }
}

impl ClassStats {
    fn of(index: usize, [runs, vacant]: [u64; 2], [requests, failures]: [u64; 2]) -> Self {
        let (bytes, blocks) = Class::from_index(index)
            .map_or((0, 0), |class| (class.plan().block_bytes, class.plan().blocks));
        let total = runs.saturating_mul(blocks.into()) as usize;
        let used = total.saturating_sub(vacant as usize);
        Self { block_bytes: bytes as usize, total, used, requests, failures }
    }

    const fn used_bytes(&self) -> usize {
        self.used.saturating_mul(self.block_bytes)
    }
}

/// What lies on the pages; of damaged tables, on those before the damage.
struct Tally {
    free_pages: usize,
    whole_runs: usize,
    whole_pages: usize,
    /// Of each class: its runs, and the free blocks of these.
    classes: [[u64; 2]; Class::COUNT],
}

impl Tally {
    fn of(slab: &Slab<'_>) -> Self {
        let mut tally =
            Self { free_pages: 0, whole_runs: 0, whole_pages: 0, classes: [[0; 2]; Class::COUNT] };
        let mut page = 0;
        while page < slab.page_count() {
            let Ok((state, pages)) = slab.run_at(page) else { break };
            match state {
                State::Blocks { class } => {
                    let [runs, vacant] = &mut tally.classes[class.index()];
                    *runs += 1;
                    *vacant += u64::from(slab.page(page).vacant.get());
                }
                State::Free { .. } => tally.free_pages += pages as usize,
                _ => {
                    tally.whole_runs += 1;
                    tally.whole_pages += pages as usize;
                }
            }
            page += pages;
        }
        tally
    }
}
