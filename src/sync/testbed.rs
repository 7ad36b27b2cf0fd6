//! Locks in a raw shared mapping: for the tests and benchmarks of this crate, until there is a heap.
#![expect(unsafe_code, reason = "places values in a mapping")]

use core::mem;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

use super::heap_id::HeapId;
use super::join_error::JoinError;
use super::membership;
use super::mutex::ShmMutex;
use super::owner::Owner;
use super::participants::{Header, Participants, Slot};
use crate::sys::mapping::SharedMemory;

/// A shared mapping with a table of participants, and room behind it.
#[derive(Debug)]
pub struct Testbed {
    memory: SharedMemory,
    heap: HeapId,
    start: NonNull<u8>,
    capacity: u32,
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
        static HEAPS: AtomicU32 = AtomicU32::new(0);
        assert!((1..=Owner::MAX_SLOTS).contains(&capacity));
        let memory = SharedMemory::create(room(capacity) + bytes)?;
        let start = memory.map()?;
        let heap = HeapId::new(HEAPS.fetch_add(1, Ordering::Relaxed));
        let bed = Self { memory, heap, start, capacity };
        bed.header().publish(capacity);
        membership::attach(heap, bed.participants());
        Ok(bed)
    }

    /// Maps the memory once more, elsewhere, and uses it there from now on.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn map_elsewhere(&mut self) -> io::Result<()> {
        self.start = self.memory.map()?;
        membership::attach(self.heap, self.participants());
        Ok(())
    }

    /// Makes a lock for those who share this mapping.
    pub fn mutex<T: Send>(&self, value: T) -> ShmMutex<T> {
        ShmMutex::of_heap(value, self.heap)
    }

    /// Writes a value `offset` bytes into the room.
    ///
    /// # Safety
    ///
    /// The value fits there, is aligned there to 32 bytes at most, and nothing else is in use there.
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
        membership::join(self.heap).map(drop)
    }

    /// Leaves, as if this process had died.
    ///
    /// # Safety
    ///
    /// No guard of a lock in this mapping is alive in this process, and none comes to be meanwhile.
    pub unsafe fn leave(&self) {
        // SAFETY: the caller's duty.
        unsafe { membership::leave(self.heap) };
    }

    /// The table, as it is mapped here.
    pub(crate) fn participants(&self) -> Participants<'static> {
        let capacity = self.header().capacity().unwrap_or(0);
        let slots = self.start.cast::<Slot>();
        // SAFETY: the first slot's place is the header's, and there are as many behind it.
        let slots = unsafe { slots.add(1) };
        // SAFETY: all zero is a free slot, and the mapping stays.
        let slots = unsafe { slice::from_raw_parts(slots.as_ptr(), capacity as usize) };
        Participants::new(self.header(), slots)
    }

    fn header(&self) -> &'static Header {
        // SAFETY: all zero is a header, and the mapping stays.
        unsafe { self.start.cast().as_ref() }
    }

    fn place<T>(&self, offset: usize) -> NonNull<T> {
        let place = self.start.as_ptr().wrapping_add(room(self.capacity) + offset);
        NonNull::new(place.cast()).unwrap_or(NonNull::dangling())
    }
}

/// The bytes of the header and the slots.
const fn room(capacity: u32) -> usize {
    (1 + capacity as usize) * mem::size_of::<Slot>()
}
