//! `HeapReport`: every page, root and participant of a heap, as plain data.
#![forbid(unsafe_code)]

use super::stats::HeapStats;
use crate::shared::access::root::RootInfo;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::heap::heap_damage::HeapDamage;
use crate::shared::heap::record::Record;
use crate::shared::heap::record_head::State as RootState;
use crate::shared::heap::sight::Sight;
use crate::slab::page::State;
use crate::sync::lock_owner::LockOwner;
use crate::sync::owner::Owner;
use crate::sync::participants::{Life, Tenant};
use crate::sync::raw::Damage;

/// What there is to know of a heap in one moment. Its text, by `Display`, is for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HeapReport {
    /// The figures.
    pub stats: HeapStats,
    /// What all pages are used for, from the first on.
    pub runs: Vec<PageRun>,
    /// All roots, in no order.
    pub roots: Vec<RootInfo>,
    /// Those who have a slot, be they alive or not.
    pub participants: Vec<ParticipantInfo>,
    /// Who held the lock when the report was asked for, or died holding it.
    pub lock_owner: Option<LockOwner>,
    /// Whether whoever held the lock last died or panicked, and the next will put the heap in order.
    pub is_interrupted: bool,
    /// What was found damaged by the way. [`SharedHeap::check`] looks at more.
    pub damage: Option<HeapDamage>,
    /// Whether nobody could change the heap while this was read.
    pub is_exact: bool,
}

/// Pages in a row that are used for one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PageRun {
    /// The number of its first page.
    pub first_page: u32,
    /// How many they are.
    pub pages: u32,
    /// What they are used for.
    pub usage: PageUsage,
}

/// What pages are used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PageUsage {
    /// Nothing.
    Free,
    /// One allocation.
    Whole,
    /// Blocks of a size class.
    Blocks {
        /// The bytes of a block.
        block_bytes: u32,
        /// Those that are handed out.
        used: u32,
        /// Those that there are.
        total: u32,
    },
    /// Somebody has overwritten what says so, for this page and all behind it.
    Unknown,
}

/// A process that shares a heap, or did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ParticipantInfo {
    /// The number of its slot, from 0 on.
    pub slot: u32,
    /// Which process it is.
    pub process: LockOwner,
    /// Whether it is only about to take part, and is to be told apart by its slot alone.
    pub is_joining: bool,
}

impl SharedHeap {
    /// Describes the heap, for people and for programs.
    ///
    /// The lock is held meanwhile: some microseconds for each MiB. Where it cannot be taken, because the
    /// heap is damaged, this process is no participant, or somebody who lives keeps it for longer than a
    /// second, [`HeapReport::is_exact`] says so.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// heap.root_or_insert_with("visits", || 7_u64)?;
    /// let report = heap.report();
    /// assert_eq!(report.roots[0].name, "visits");
    /// assert!(report.to_string().contains("visits: u64"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> HeapReport {
        let lock = self.attached.head.lock_state();
        let held = self.attached.hold_to_look();
        let mut report = HeapReport::of(self.attached.sight(), lock);
        report.is_exact = held.is_ok();
        report
    }
}

impl HeapReport {
    pub(super) fn of(heap: Sight<'_>, (owner, damage): (Option<Owner>, Damage)) -> Self {
        let (runs, pages_damage) = runs(heap);
        let (roots, roots_damage) = roots(heap);
        let participant = |owner: Owner| {
            let process = heap.participants.process(owner)?;
            Some(LockOwner::new(process, heap.is_alive(owner)))
        };
        let is_dead = owner.is_some_and(|owner| !heap.is_alive(owner));
        Self {
            stats: HeapStats::of(heap),
            runs,
            roots,
            participants: heap.participants.tenants().map(|tenant| info(heap, tenant)).collect(),
            lock_owner: owner.and_then(participant),
            is_interrupted: is_dead || damage != Damage::None,
            damage: pages_damage.or(roots_damage),
            is_exact: true,
        }
    }

    /// Returns which part of the free pages cannot be had in one run: 0 if there is one free run, or
    /// none; close to 1 where free pages are many and single.
    #[must_use]
    pub fn fragmentation(&self) -> f64 {
        match self.stats.free_pages {
            0 => 0.0,
            // Figures that somebody has overwritten may be any.
            free => (1.0 - self.stats.largest_free_run as f64 / free as f64).max(0.0),
        }
    }
}

fn runs(heap: Sight<'_>) -> (Vec<PageRun>, Option<HeapDamage>) {
    let slab = heap.slab;
    let mut runs = Vec::new();
    let mut page = 0;
    while page < slab.page_count() {
        let (state, pages) = match slab.run_at(page) {
            Ok(run) => run,
            Err(damage) => {
                let pages = slab.page_count() - page;
                runs.push(PageRun { first_page: page, pages, usage: PageUsage::Unknown });
                return (runs, Some(damage.into()));
            }
        };
        let usage = match state {
            State::Free { .. } => PageUsage::Free,
            State::Blocks { class } => {
                let plan = class.plan();
                let used = slab.vacant_at(page, class).map_or(0, |vacant| plan.blocks - vacant);
                PageUsage::Blocks { block_bytes: plan.block_bytes, used, total: plan.blocks }
            }
            _ => PageUsage::Whole,
        };
        runs.push(PageRun { first_page: page, pages, usage });
        page = page.saturating_add(pages);
    }
    (runs, None)
}

fn roots(heap: Sight<'_>) -> (Vec<RootInfo>, Option<HeapDamage>) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut roots = Vec::new();
    let result = heap.visit_roots(|_, record: Record<'_>| {
        let [name, type_name] = record.copy_texts().unwrap_or_default().map(text);
        let participants = record.finders().filter(|&owner| heap.is_alive(owner)).count();
        let is_removed = record.state() != RootState::Named;
        let (bytes, block_bytes) = (record.value_bytes(), record.bytes());
        roots.push(RootInfo { name, type_name, bytes, block_bytes, participants, is_removed });
        Ok(())
    });
    (roots, result.err())
}

fn info(heap: Sight<'_>, Tenant { owner, process, life }: Tenant) -> ParticipantInfo {
    let is_alive = heap.is_current && life == Life::Alive;
    ParticipantInfo {
        slot: owner.slot().unwrap_or(0),
        process: LockOwner::new(process, is_alive),
        is_joining: life == Life::MovingIn,
    }
}
