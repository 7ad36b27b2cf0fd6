//! Heaps in mapped memory: made there, or found, and attached.
#![expect(unsafe_code, reason = "finds the parts of a heap in a mapping")]

use core::mem;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::attach_error::AttachError;
use super::attached::{Attached, Listing};
use super::handle::Handle;
use super::head::{Facts, Head};
use crate::region::Region;
use crate::sync::attachment::{self, Attachment};
use crate::sync::membership;
use crate::sync::participants::{Participants, Slot};
use crate::sync::turn::Turn;
use crate::sys::mapping::Memory;
use crate::sys::{machine, wiped};

impl Attached {
    /// Makes a heap in new memory, which is all zero, and attaches it.
    pub(crate) fn build(memory: Memory, capacity: u32) -> Result<&'static Self, AttachError> {
        let _turn = attaching()?.take();
        let facts = initialise(&memory, capacity)?;
        Self::join(memory, facts)
    }

    /// Attaches the heap in mapped memory, which is prepared for it; or returns the one that is attached already, if
    /// it is the same.
    pub(crate) fn find(
        memory: Memory,
        prepare: impl FnOnce(&Memory) -> Result<(), AttachError>,
    ) -> Result<&'static Self, AttachError> {
        let facts = Head::in_memory(&memory)?.read(memory.bytes())?;
        if !facts.is_of_this_start().map_err(AttachError::System)? {
            return Err(AttachError::OtherBoot);
        }
        if !facts.is_original_in(&memory).map_err(AttachError::System)? {
            return Err(AttachError::Copied);
        }
        // Else a thread that comes second would take another slot, or the last one.
        let _turn = attaching()?.take();
        match Self::of(facts.heap) {
            Some(attached) if attached.is_in(&memory) => attached.enter(),
            Some(_) => Err(AttachError::NumberTaken),
            None => {
                prepare(&memory)?;
                Self::join(memory, facts)
            }
        }
    }

    fn join(memory: Memory, facts: Facts) -> Result<&'static Self, AttachError> {
        // SAFETY: the facts were read there; whatever else lies there is atomic, as any bytes are.
        unsafe { Self::new(memory, facts) }.map(Self::add)
    }

    /// Becomes a participant.
    fn enter(&'static self) -> Result<&'static Self, AttachError> {
        membership::join(self.attachment)?;
        Ok(self)
    }

    /// Finds the parts of a heap in memory, which has as many bytes as the facts say, and becomes a participant.
    /// No handle leads to it yet.
    ///
    /// # Errors
    ///
    /// There is no such heap, or this process cannot be a participant.
    ///
    /// # Safety
    ///
    /// What lies in the memory is a heap, or any bytes, and is used as a heap only.
    pub(crate) unsafe fn new(memory: Memory, facts: Facts) -> Result<Self, AttachError> {
        let head = NonNull::from(Head::in_memory(&memory)?);
        // SAFETY: it lies in the memory, which is mapped for as long as the result is used.
        let head: &'static Head = unsafe { head.as_ref() };
        let tables = facts.tables().ok_or(AttachError::NoHeap)?;
        let start = memory.start();
        // SAFETY: the tables lie behind the slots, within the memory.
        let slots = unsafe { start.add(Facts::SLOTS_START) }.cast::<Slot>();
        // SAFETY: any bytes are slots, there is room for so many before the tables, and they are mapped for as
        // long as the result is used.
        let slots = unsafe { slice::from_raw_parts(slots.as_ptr(), facts.capacity as usize) };
        // SAFETY: as the slots; and the caller's duty.
        let slab = unsafe { tables.find(start, 0) }.ok_or(AttachError::NoHeap)?;
        // SAFETY: as the slots.
        let region = unsafe { Region::new(start, facts.bytes) };
        let place = attachment::Region { start: region.address(), bytes: facts.bytes };
        let participants = Participants::new(&head.participants, slots);
        let attachment =
            Attachment::new(place, participants, Self::settle).map_err(AttachError::System)?;
        membership::join(&attachment)?;
        let attachment = attachment.add();
        let pages_start = tables.pages_start();
        let (has_roots, listing) = (AtomicBool::new(false), Listing::default());
        Ok(Self { facts, head, slab, pages_start, region, attachment, has_roots, listing, memory })
    }

    /// Whether it is the heap in some memory: not another that has its number, nor a copy of it.
    fn is_in(&self, memory: &Memory) -> bool {
        self.memory.is_of_file_of(memory).unwrap_or(false)
    }
}

/// The turn of the threads that attach heaps, in memory that a fork wipes.
fn attaching() -> Result<&'static Turn, AttachError> {
    static TURN: AtomicPtr<Turn> = AtomicPtr::new(ptr::null_mut());
    let mut turn = TURN.load(Ordering::Acquire);
    if turn.is_null() {
        let bytes = mem::size_of::<Turn>();
        let made = wiped::map(bytes).map_err(AttachError::System)?;
        let (none, new) = (ptr::null_mut(), made.cast().as_ptr());
        turn = new;
        if let Err(faster) = TURN.compare_exchange(none, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: mapped above with this length; a thread was faster, and nobody knows of this one.
            unsafe { wiped::unmap(made, bytes) };
            turn = faster;
        }
    }
    // SAFETY: what is stored there is mapped for good; all zero is a turn.
    Ok(unsafe { &*turn })
}

/// Writes a heap into new memory, which is all zero, and which nobody else has yet.
fn initialise(memory: &Memory, capacity: u32) -> Result<Facts, AttachError> {
    let identity = machine::random().map_err(AttachError::System)?;
    let facts = Facts {
        bytes: memory.bytes(),
        heap: free_number(identity),
        capacity,
        identity,
        boot: machine::boot_id().unwrap_or(0),
        birth: memory.birth().map_err(AttachError::System)?,
    };
    let tables = facts.tables().ok_or(AttachError::TooLarge)?;
    // SAFETY: mapped, zero, and long enough for the tables; the slab is used no longer than it is borrowed.
    let slab = unsafe { tables.find(memory.start(), 0) }.ok_or(AttachError::TooLarge)?;
    slab.format();
    Head::in_memory(memory)?.publish(facts);
    Ok(facts)
}

/// Draws a number that no heap has that is attached here.
fn free_number(random: u128) -> u32 {
    let drawn = (0..100).map(|shift| (random >> shift) as u32 % Handle::HEAPS);
    drawn.chain(1..).find(|&heap| heap > 0 && Attached::of(heap).is_none()).unwrap_or(1)
}
