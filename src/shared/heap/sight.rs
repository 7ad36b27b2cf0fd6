//! `Sight`: a heap as it is looked at, be it the heap itself or a copy of its tables.
#![expect(unsafe_code, reason = "finds the roots of a heap")]

use core::sync::atomic::Ordering;
use std::collections::HashSet;

use super::attached::Attached;
use super::handle::Handle;
use super::head::{Facts, Head};
use super::heap_damage::HeapDamage;
use super::record::Record;
use crate::geometry::PAGE_BYTES;
use crate::region::Region;
use crate::slab::slab::{Found, Slab};
use crate::sync::owner::Owner;
use crate::sync::participants::Participants;

/// The parts of a heap for those who only read: whatever bytes they find.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    pub(crate) facts: Facts,
    pub(crate) head: &'a Head,
    pub(crate) participants: Participants<'a>,
    pub(crate) slab: Slab<'a>,
    /// How far the slab's first page is from the start of the heap.
    pub(super) pages_start: usize,
    /// All of the heap itself, where the blocks are; it stays mapped for `'a`.
    region: Region,
    /// Whether it is of this start of the machine. Else all its participants are dead.
    pub(crate) is_current: bool,
}

impl Attached {
    /// The heap itself, for who holds its lock.
    pub(crate) fn sight(&self) -> Sight<'_> {
        let &Self { facts, head, slab, pages_start, region, attachment, .. } = self;
        let participants = attachment.table;
        Sight { facts, head, participants, slab, pages_start, region, is_current: true }
    }
}

impl<'a> Sight<'a> {
    /// The tables of a heap, and where its blocks are.
    ///
    /// # Safety
    ///
    /// The region is all of a heap with these facts, and stays mapped for `'a`.
    pub(super) unsafe fn new(
        facts: Facts,
        (head, participants, slab): (&'a Head, Participants<'a>, Slab<'a>),
        (pages_start, region): (usize, Region),
        is_current: bool,
    ) -> Self {
        Self { facts, head, participants, slab, pages_start, region, is_current }
    }

    pub(crate) fn is_alive(&self, owner: Owner) -> bool {
        self.is_current && self.participants.is_alive(owner)
    }

    /// Visits all roots, list by list, those that are removed, too. Each is a live block with room for what
    /// it says it has, and none comes twice.
    ///
    /// # Errors
    ///
    /// The first place at which a list is none; or what `visit` returns.
    pub(crate) fn visit_roots(
        &self,
        mut visit: impl FnMut(usize, Record<'a>) -> Result<(), HeapDamage>,
    ) -> Result<(), HeapDamage> {
        let mut visited = HashSet::new();
        for list in 0..Head::BUCKETS {
            let mut next = &self.head.roots[list];
            while let Some(handle) = Handle::from_bits(next.load(Ordering::Acquire)) {
                let record = self.root(list, handle)?;
                if !visited.insert(handle.offset()) {
                    return Err(HeapDamage::list(list, "a root that another leads to, too,"));
                }
                visit(list, record)?;
                next = record.next();
            }
        }
        Ok(())
    }

    fn root(&self, list: usize, handle: Handle) -> Result<Record<'a>, HeapDamage> {
        let wrong = |what| HeapDamage::root(handle.offset(), what);
        if handle.heap() != self.facts.heap {
            return Err(HeapDamage::list(list, "a link to another heap"));
        }
        let block = handle.offset().wrapping_sub(self.pages_start);
        let block_bytes = self.block_bytes(block).ok_or(wrong("the block"))?;
        // SAFETY: the region is all of the heap, and stays mapped for `'a`.
        let record = unsafe { Record::find_in(self.region, self.facts.capacity, handle) };
        let record = record.ok_or(wrong("the place"))?;
        if record.fits(block_bytes) { Ok(record) } else { Err(wrong("the length")) }
    }

    /// The bytes of the block at one of the slab's offsets, if it is handed out.
    fn block_bytes(&self, block: usize) -> Option<usize> {
        match self.slab.find(block).ok()? {
            Found::Block(block) => {
                let blocks = block.page.blocks(block.number / 64).get();
                let is_taken = blocks >> (block.number % 64) & 1 == 1;
                is_taken.then_some(block.class.plan().block_bytes as usize)
            }
            Found::Whole { pages, .. } => Some(pages as usize * PAGE_BYTES),
        }
    }

    /// A word of the heap itself, if there is room for one.
    pub(super) fn word(&self, place: usize) -> Option<u64> {
        let word = self.region.at(place, size_of::<u64>()).filter(|_| place % 8 == 0)?;
        // SAFETY: within the mapping and aligned; any bytes are an atomic word.
        let word: &core::sync::atomic::AtomicU64 = unsafe { word.cast().as_ref() };
        Some(word.load(Ordering::Acquire))
    }
}
