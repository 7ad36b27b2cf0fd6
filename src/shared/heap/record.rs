//! `Record`: the block of a root: its name, its type, who has resolved it, and its value.
#![expect(unsafe_code, reason = "reads parts of a block")]

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::attached::Attached;
use super::handle::Handle;
use super::record_head::{RecordHead, State};
use crate::geometry::PAGE_BYTES;
use crate::region::Region;
use crate::sync::owner::Owner;

/// A root's block, as one process sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    /// All of the heap.
    region: Region,
    /// How many marks it has.
    slots: usize,
    handle: Handle,
    head: &'a RecordHead,
}

impl Attached {
    /// No more roots have room, which do not overlap.
    pub(crate) fn most_roots(&self) -> usize {
        self.facts.bytes / mem::size_of::<RecordHead>()
    }
}

impl<'a> Record<'a> {
    pub(crate) const MAX_NAME_BYTES: usize = 255;

    /// The root at a handle; none if that leads out of the heap.
    pub(super) fn find(attached: &'a Attached, handle: Handle) -> Option<Self> {
        // SAFETY: heaps stay mapped.
        unsafe { Self::find_in(attached.region, attached.facts.capacity, handle) }
    }

    /// As [`Record::find`], in all of a heap that has so many slots.
    ///
    /// # Safety
    ///
    /// The region stays mapped while the result, or what it lends, is used.
    pub(super) unsafe fn find_in(region: Region, slots: u32, handle: Handle) -> Option<Self> {
        let head = region.at(handle.offset(), mem::size_of::<RecordHead>())?;
        if handle.offset() % mem::align_of::<RecordHead>() != 0 {
            return None;
        }
        // SAFETY: within the mapping and aligned, and any bytes are a head.
        let head = unsafe { head.cast().as_ref() };
        Some(Self { region, slots: slots as usize, handle, head })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// The word that leads to the next root.
    pub(super) fn next(&self) -> &'a AtomicU64 {
        &self.head.next
    }

    /// Where that word lies in the heap.
    pub(super) fn next_offset(&self) -> usize {
        self.handle.offset() + mem::offset_of!(RecordHead, next)
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.head.fingerprint.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.head.bytes.load(Ordering::Relaxed) as usize
    }

    /// The bytes of the value, which lies at the end.
    pub(crate) fn value_bytes(&self) -> usize {
        self.bytes().saturating_sub(self.head.value_start.load(Ordering::Relaxed) as usize)
    }

    pub(super) fn needs_drop(&self) -> bool {
        self.head.needs_drop.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn name(&self) -> Option<&'a [u8]> {
        self.text(0, &self.head.name_bytes)
    }

    pub(crate) fn type_name(&self) -> Option<&'a [u8]> {
        self.text(self.head.name_bytes.load(Ordering::Relaxed) as usize, &self.head.type_bytes)
    }

    fn text(&self, start: usize, bytes: &AtomicU32) -> Option<&'a [u8]> {
        let bytes = bytes.load(Ordering::Relaxed) as usize;
        let start = self.handle.offset() + self.texts_start() + start;
        let text = self.region.at(start, bytes)?;
        // SAFETY: within the mapping; it was written before the root could be found, and stays.
        Some(unsafe { slice::from_raw_parts(text.as_ptr(), bytes) })
    }

    /// How far the name is from the start of the block: behind the marks.
    fn texts_start(&self) -> usize {
        mem::size_of::<RecordHead>() + self.slots * mem::size_of::<AtomicU32>()
    }

    /// Copies the name and the name of the type, byte by byte: for those who do not hold the lock, while
    /// others may make something else of the block.
    pub(crate) fn copy_texts(&self) -> Option<[Vec<u8>; 2]> {
        let [name, type_name] = self.text_bytes();
        let start = self.handle.offset() + self.texts_start();
        let copy = |start: usize, bytes: usize| {
            let text = self.region.at(start, bytes)?.cast::<AtomicU8>();
            // SAFETY: within the mapping, and any bytes are atomic ones.
            let text = unsafe { slice::from_raw_parts(text.as_ptr(), bytes) };
            Some(text.iter().map(|byte| byte.load(Ordering::Relaxed)).collect())
        };
        Some([copy(start, name)?, copy(start + name, type_name)?])
    }

    /// The bytes of the name, and of the name of the type.
    fn text_bytes(&self) -> [usize; 2] {
        let load = |bytes: &AtomicU32| bytes.load(Ordering::Relaxed) as usize;
        [load(&self.head.name_bytes), load(&self.head.type_bytes)]
    }

    /// Whether its parts lie one behind another, within a block of so many bytes.
    pub(super) fn fits(&self, block_bytes: usize) -> bool {
        let [name, type_name] = self.text_bytes();
        let texts_end = self.texts_start().saturating_add(name).saturating_add(type_name);
        let value_start = self.head.value_start.load(Ordering::Relaxed) as usize;
        // The value follows the texts, as it is aligned: nobody but its users knows how.
        let follows =
            |align: u32| texts_end.checked_next_multiple_of(1 << align) == Some(value_start);
        let is_next = (0..=PAGE_BYTES.ilog2()).any(follows);
        is_next && value_start <= self.bytes() && self.bytes() <= block_bytes
    }

    /// Whether the words that have few states have one of them.
    pub(super) fn is_plausible(&self) -> bool {
        let state = self.head.state.load(Ordering::Relaxed);
        let needs_drop = self.head.needs_drop.load(Ordering::Relaxed);
        state <= State::Dropping as u32 && needs_drop <= 1
    }

    /// Whether each mark is that of a participant in the very slot, or none.
    pub(super) fn has_true_marks(&self) -> bool {
        let is_true = |(index, mark): (usize, &AtomicU32)| match mark.load(Ordering::Relaxed) {
            0 => true,
            bits => Owner::from_bits(bits).and_then(Owner::slot) == Some(index as u32),
        };
        self.marks().is_some_and(|marks| marks.iter().enumerate().all(is_true))
    }

    /// The place of a value of `layout`; none if there is no room for it.
    pub(crate) fn value(&self, layout: Layout) -> Option<NonNull<u8>> {
        let start = self.head.value_start.load(Ordering::Relaxed) as usize;
        let place = self.region.at(self.handle.offset() + start, layout.size())?;
        (place.addr().get() % layout.align() == 0).then_some(place)
    }

    pub(crate) fn state(&self) -> State {
        match self.head.state.load(Ordering::Relaxed) {
            0 => State::Named,
            1 => State::Removed,
            _ => State::Dropping,
        }
    }

    pub(crate) fn is_named(&self) -> bool {
        self.state() == State::Named
    }

    pub(crate) fn set_state(&self, state: State) {
        self.head.state.store(state as u32, Ordering::Release);
    }

    pub(super) fn dropper(&self) -> Option<Owner> {
        Owner::from_bits(self.head.dropper.load(Ordering::Relaxed))
    }

    pub(super) fn set_dropper(&self, owner: Owner) {
        self.head.dropper.store(owner.bits(), Ordering::Release);
    }

    /// Notes that a participant has found it.
    pub(crate) fn mark(&self, owner: Owner) {
        let mark = owner.slot().and_then(|slot| self.marks()?.get(slot as usize));
        if let Some(mark) = mark {
            if mark.load(Ordering::Relaxed) != owner.bits() {
                mark.store(owner.bits(), Ordering::Release);
            }
        }
    }

    /// Those who have found it, be they alive or not.
    pub(crate) fn finders(&self) -> impl Iterator<Item = Owner> + use<'a> {
        let marks = self.marks().unwrap_or(&[]);
        marks.iter().filter_map(|mark| Owner::from_bits(mark.load(Ordering::Relaxed)))
    }

    fn marks(&self) -> Option<&'a [AtomicU32]> {
        let count = self.slots;
        let start = self.handle.offset() + mem::size_of::<RecordHead>();
        let marks = self.region.at(start, count * mem::size_of::<AtomicU32>())?;
        // SAFETY: within the mapping and aligned, as the head is; any bytes are marks.
        Some(unsafe { slice::from_raw_parts(marks.as_ptr().cast(), count) })
    }
}
