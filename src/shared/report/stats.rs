//! `HeapStats`: what a heap has handed out, and who shares it.
#![forbid(unsafe_code)]

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::heap::record_head::State;
use crate::shared::heap::sight::Sight;
use crate::slab::bins::Bins;
use crate::slab::slab::Slab;
use crate::slab::stats::{ClassStats, SlabStats};
use crate::sync::participants::Life;

/// What is handed out and what is left, in one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeapStats {
    /// All bytes, the tables included.
    pub bytes: usize,
    /// All pages, of [`SlabStats::PAGE_BYTES`] bytes.
    pub pages: usize,
    /// Those that are free: of no class, and not handed out.
    pub free_pages: usize,
    /// Those that are handed out by themselves: of no class.
    pub whole_pages: usize,
    /// All that is handed out: blocks of classes, and whole pages, of which a run is one block. The heap's own
    /// are among them: each root has one, beside what its value holds.
    pub used_blocks: usize,
    /// The bytes of these blocks, all of a block's and all of a run's pages: at least what was asked for.
    pub used_bytes: usize,
    /// The most free pages in a row: more than these cannot be had at once.
    pub largest_free_run: usize,
    /// The size classes, the smallest first.
    pub classes: [ClassStats; SlabStats::CLASSES],
    /// How often whole pages were asked for.
    pub page_requests: u64,
    /// How often there were not enough in a row.
    pub page_failures: u64,
    /// The roots that can be found by their names.
    pub roots: usize,
    /// Those that are removed, and stay for those who have found them.
    pub removed_roots: usize,
    /// How many participants are alive.
    pub participants: usize,
    /// How many there can be.
    pub max_participants: usize,
}

impl SharedHeap {
    /// Returns what is handed out and what is left.
    ///
    /// The lock is held meanwhile, for as long as it takes to go through the runs of pages.
    /// Where it cannot be taken, because the heap is damaged, this process is no participant, or somebody
    /// who lives keeps it for longer than a second, the figures are of no one moment.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmBox};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let boxed = ShmBox::new_in([0_u64; 8], &heap)?;
    /// let stats = heap.stats();
    /// let class = stats.classes.iter().find(|class| class.block_bytes == 64).unwrap();
    /// assert_eq!((class.used, class.requests, stats.participants), (1, 1, 1));
    /// # drop(boxed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        let _held = self.attached.hold_to_look();
        HeapStats::of(self.attached.sight())
    }
}

impl HeapStats {
    pub(super) fn of(heap: Sight<'_>) -> Self {
        let slab = SlabStats::of(heap.facts.bytes, &heap.slab);
        let [mut roots, mut removed_roots] = [0; 2];
        // Where the lists are damaged, those before that place are counted.
        let _ = heap.visit_roots(|_, record| {
            let is_named = record.state() == State::Named;
            *(if is_named { &mut roots } else { &mut removed_roots }) += 1;
            Ok(())
        });
        let is_alive = |life| heap.is_current && life == Life::Alive;
        let tenants = heap.participants.tenants();
        Self {
            bytes: slab.bytes,
            pages: slab.pages,
            free_pages: slab.free_pages,
            whole_pages: slab.whole_pages,
            used_blocks: slab.used_blocks,
            used_bytes: slab.used_bytes,
            largest_free_run: largest_free_run(&heap.slab),
            classes: slab.classes,
            page_requests: slab.page_requests,
            page_failures: slab.page_failures,
            roots,
            removed_roots,
            participants: tenants.filter(|tenant| is_alive(tenant.life)).count(),
            max_participants: heap.participants.capacity() as usize,
        }
    }
}

/// The pages of the longest free run: it is in the last list that is not empty.
fn largest_free_run(slab: &Slab<'_>) -> usize {
    let bins = &slab.header.bins;
    let listed = |bin: usize| slab.listed(bins.first(bin)).filter_map(|page| slab.free_after(page));
    (0..Bins::COUNT).rev().find_map(|bin| listed(bin).max()).unwrap_or(0) as usize
}
