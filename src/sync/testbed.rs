//! Locks in a raw shared mapping: for the tests and benchmarks of this crate, until there is a heap.
#![expect(unsafe_code, reason = "places values in a mapping")]

use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;
use core::slice;
use std::io;

use super::attachment::{Attachment, Region};
use super::join_error::JoinError;
use super::membership;
use super::owner::Owner;
use super::participants::{Header, Participants, Slot};
use crate::sys::mapping::Memory;

/// A shared mapping with a table of participants, and room behind it.
#[derive(Debug)]
pub struct Testbed {
    /// Never unmapped.
    memory: ManuallyDrop<Memory>,
    capacity: u32,
    attachment: &'static Attachment,
}

impl Testbed {
    /// Makes one with a table of `capacity` slots, and `bytes` bytes of room.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Panics
    ///
    /// The capacity is 0, or more than can be told apart.
    pub fn create(capacity: u32, bytes: usize) -> io::Result<Self> {
        assert!((1..=Owner::MAX_SLOTS).contains(&capacity));
        let memory = Memory::memfd(room(capacity) + bytes)?;
        header(&memory).publish(capacity);
        let attachment = attach(&memory)?;
        Ok(Self { memory: ManuallyDrop::new(memory), capacity, attachment })
    }

    /// Maps the memory once more, elsewhere, and uses it there from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn map_elsewhere(&mut self) -> io::Result<()> {
        self.memory = ManuallyDrop::new(self.memory.map_elsewhere()?);
        self.attachment = attach(&self.memory)?;
        Ok(())
    }

    /// Writes a value `offset` bytes into the room.
    ///
    /// # Safety
    ///
    /// The value fits there, the place is aligned for it (the room begins at a multiple of 32), and
    /// nothing else is in use there.
    pub unsafe fn write<T>(&self, offset: usize, value: T) -> &'static T {
        let place = self.place(offset);
        // SAFETY: the caller's duty.
        unsafe { place.write(value) };
        // SAFETY: written above.
        unsafe { self.read(offset) }
    }

    /// Borrows the value `offset` bytes into the room, for good.
    ///
    /// # Safety
    ///
    /// A value of this type is there, and is shared from now on.
    pub unsafe fn read<T>(&self, offset: usize) -> &'static T {
        // SAFETY: the caller's duty; the mapping stays.
        unsafe { self.place(offset).as_ref() }
    }

    /// Frees the slots of dead processes; returns how many.
    pub fn reap(&self) -> usize {
        self.participants().reap()
    }

    /// Joins, as the first lock would.
    ///
    /// # Errors
    ///
    /// Those of a lock.
    pub fn join(&self) -> Result<(), JoinError> {
        membership::join(self.attachment).map(drop)
    }

    /// Leaves, as if this process had died.
    ///
    /// # Safety
    ///
    /// No guard of a lock in this mapping is alive in this process, and no call of a lock in it is under
    /// way or begins meanwhile.
    pub unsafe fn leave(&self) {
        // SAFETY: the caller's duty.
        unsafe { membership::leave(self.attachment) };
    }

    /// The table, as it is mapped here.
    pub(crate) fn participants(&self) -> Participants<'static> {
        self.attachment.table
    }

    fn place<T>(&self, offset: usize) -> NonNull<T> {
        let place = self.memory.start().as_ptr().wrapping_add(room(self.capacity) + offset);
        NonNull::new(place.cast()).unwrap_or(NonNull::dangling())
    }
}

/// The bytes of the header and the slots.
const fn room(capacity: u32) -> usize {
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
    Attachment::new(region, Participants::new(header, slots), |_| ())
}

fn header(memory: &Memory) -> &'static Header {
    // SAFETY: the memory begins with it, all zero is one, and the mapping stays.
    unsafe { memory.start().cast().as_ref() }
}
