//! Memory that processes share, with a table of participants and values behind it, and nothing else.
#![expect(unsafe_code, reason = "places values in a mapping")]

use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;
use core::slice;
use std::io;

use crate::sync::attachment::{Attachment, Region};
use crate::sync::join_error::JoinError;
use crate::sync::membership;
use crate::sync::participants::{Header, Participants, Slot};
use crate::sys::mapping::Memory;

/// A shared mapping with a table of participants, and room behind it. Unlike a heap it makes nobody a
/// participant by itself, and a process that has it can map it elsewhere.
pub(super) struct Testbed {
    /// Never unmapped.
    memory: ManuallyDrop<Memory>,
    capacity: u32,
    attachment: &'static Attachment,
}

impl Testbed {
    /// Makes one with a table of `capacity` slots, and `bytes` bytes of room.
    pub(super) fn create(capacity: u32, bytes: usize) -> io::Result<Self> {
        let memory = Memory::memfd(table_bytes(capacity) + bytes)?;
        header(&memory).publish(capacity);
        let attachment = attach(&memory)?;
        Ok(Self { memory: ManuallyDrop::new(memory), capacity, attachment })
    }

    /// Maps the memory once more, elsewhere, and uses it there from now on.
    pub(super) fn map_elsewhere(&mut self) -> io::Result<()> {
        self.memory = ManuallyDrop::new(self.memory.map_elsewhere()?);
        self.attachment = attach(&self.memory)?;
        Ok(())
    }

    /// Where the room begins here: at a multiple of 32.
    pub(super) fn room<T>(&self) -> NonNull<T> {
        let start = self.memory.start();
        // SAFETY: the room lies behind the table, in the same mapping.
        unsafe { start.add(table_bytes(self.capacity)) }.cast()
    }

    /// Frees the slots of dead processes; returns how many.
    pub(super) fn reap(&self) -> usize {
        self.participants().reap()
    }

    /// Joins, as the first lock would.
    pub(super) fn join(&self) -> Result<(), JoinError> {
        membership::join(self.attachment).map(drop)
    }

    /// The table, as it is mapped here.
    pub(super) fn participants(&self) -> Participants<'static> {
        self.attachment.table
    }
}

/// The bytes of the header and the slots.
const fn table_bytes(capacity: u32) -> usize {
    (1 + capacity as usize) * mem::size_of::<Slot>()
}

/// Makes the memory known to this process where it is mapped.
fn attach(memory: &Memory) -> io::Result<&'static Attachment> {
    let (start, header) = (memory.start(), header(memory));
    let capacity = header.capacity().unwrap_or(0);
    // SAFETY: the first slot's place is the header's, and there are as many behind it.
    let slots = unsafe { start.cast::<Slot>().add(1) };
    // SAFETY: all zero is a free slot, and the mapping stays.
    let slots = unsafe { slice::from_raw_parts(slots.as_ptr(), capacity as usize) };
    let region = Region { start: start.addr().get(), bytes: memory.bytes() };
    // Nothing but locks lies here.
    Attachment::new(region, Participants::new(header, slots), |_, _| Ok(())).map(Attachment::add)
}

fn header(memory: &Memory) -> &'static Header {
    // SAFETY: the memory begins with it, all zero is one, and the mapping stays.
    unsafe { memory.start().cast().as_ref() }
}
