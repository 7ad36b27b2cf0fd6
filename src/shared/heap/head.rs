//! `Head`: what lies at the beginning of a heap.
#![expect(unsafe_code, reason = "finds a head in a mapping")]

use core::mem;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::io;

use super::attach_error::AttachError;
use super::buffer_head::BufferHead;
use super::flight::Flight;
use super::handle::Handle;
use super::intent::Intent;
use crate::geometry::PAGE_BYTES;
use crate::slab::slab::Slab;
use crate::slab::tables::Tables;
use crate::sync::owner::Owner;
use crate::sync::participants;
use crate::sync::raw::{Damage, RawLock};
use crate::sys::birth::Birth;
use crate::sys::machine;
use crate::sys::mapping::Memory;

/// The head of a heap. All zero is none yet.
///
/// ```text
/// ┌────────────────────────────────────────┬───────┬────────────────────┬────────┬───
/// │ head: facts, lock, intent, flights, …  │ slots │ tables of the slab │ page 0 │ …
/// └────────────────────────────────────────┴───────┴────────────────────┴────────┴───
///                                           one a participant
/// ```
#[repr(C, align(32))]
#[derive(Debug)]
pub(crate) struct Head {
    /// Written last: who sees it sees all the rest.
    magic: AtomicU64,
    byte_order: AtomicU32,
    format: AtomicU32,
    pointer_bytes: AtomicU32,
    page_bytes: AtomicU32,
    bytes: AtomicU64,
    heap: AtomicU32,
    capacity: AtomicU32,
    identity: [AtomicU64; 2],
    boot: [AtomicU64; 2],
    birth: [AtomicU64; 2],
    pub(crate) participants: participants::Header,
    /// Of the slab, the intent and the roots.
    pub(crate) lock: RawLock,
    pub(crate) intent: Intent,
    pub(crate) flights: [Flight; Flight::COUNT],
    /// Where lists of roots begin, by their names: handles, or 0.
    pub(crate) roots: [AtomicU64; Head::BUCKETS],
    /// What all vectors without a block lead to: it is never written to.
    pub(super) empty: BufferHead,
}

/// What a heap says of itself, read once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Facts {
    pub(crate) bytes: usize,
    /// By which handles name it; neither 0 nor too large.
    pub(crate) heap: u32,
    /// How many processes can share it; neither 0 nor too many.
    pub(crate) capacity: u32,
    /// A random number that no other heap has.
    pub(crate) identity: u128,
    /// The start of the machine in which it was made; 0 where that is not known, of memory that has no name, and
    /// stays no longer.
    pub(crate) boot: u128,
    /// What its file is told from a copy by.
    pub(crate) birth: Birth,
}

impl Head {
    pub(crate) const BUCKETS: usize = 64;
    /// Where the lists of roots begin.
    pub(crate) const ROOTS_START: usize = mem::offset_of!(Self, roots);
    /// See [`Head::empty`]: where that is.
    pub(crate) const EMPTY_BUFFER: usize = mem::offset_of!(Self, empty);
    const MAGIC: u64 = u64::from_be_bytes(*b"aquifer\n");
    const BYTE_ORDER: u32 = 0x0102_0304;
    /// Goes up when anything in a heap is laid out in another way.
    pub(crate) const FORMAT: u32 = 4;

    /// The head of a heap in mapped memory, whatever lies there.
    ///
    /// # Errors
    ///
    /// [`AttachError::NoHeap`]: there is no room for one.
    pub(crate) fn in_memory(memory: &Memory) -> Result<&Self, AttachError> {
        if memory.bytes() < Facts::min_bytes(1) {
            return Err(AttachError::NoHeap);
        }
        // SAFETY: the mapping is aligned to pages, has room for it, and is borrowed; it consists of atomics.
        Ok(unsafe { memory.start().cast().as_ref() })
    }

    /// Whose the lock is, and what has become of the heap.
    pub(crate) fn lock_state(&self) -> (Option<Owner>, Damage) {
        (self.lock.owner(), self.lock.damage())
    }

    /// Writes what is the same for all heaps and what is of this one, and lets others see it.
    pub(crate) fn publish(&self, facts: Facts) {
        self.byte_order.store(Self::BYTE_ORDER, Ordering::Relaxed);
        self.format.store(Self::FORMAT, Ordering::Relaxed);
        self.pointer_bytes.store(mem::size_of::<usize>() as u32, Ordering::Relaxed);
        self.page_bytes.store(PAGE_BYTES as u32, Ordering::Relaxed);
        self.bytes.store(facts.bytes as u64, Ordering::Relaxed);
        self.heap.store(facts.heap, Ordering::Relaxed);
        self.capacity.store(facts.capacity, Ordering::Relaxed);
        store_halves(&self.identity, facts.identity);
        store_halves(&self.boot, facts.boot);
        let Birth { inode, nanoseconds } = facts.birth;
        self.birth[0].store(inode, Ordering::Relaxed);
        self.birth[1].store(nanoseconds, Ordering::Relaxed);
        self.participants.publish(facts.capacity);
        self.magic.store(Self::MAGIC, Ordering::Release);
    }

    /// Reads the facts of a heap in so many bytes.
    ///
    /// # Errors
    ///
    /// It is no heap, or one that does not fit here.
    pub(crate) fn read(&self, bytes: usize) -> Result<Facts, AttachError> {
        let read = |word: &AtomicU32| word.load(Ordering::Relaxed);
        match self.magic.load(Ordering::Acquire) {
            Self::MAGIC => {}
            magic if magic == Self::MAGIC.swap_bytes() => return Err(AttachError::ByteOrder),
            _ => return Err(AttachError::NoHeap),
        }
        if read(&self.byte_order) != Self::BYTE_ORDER {
            return Err(AttachError::ByteOrder);
        }
        expect(read(&self.format), Self::FORMAT, |found, expected| AttachError::Format {
            found,
            expected,
        })?;
        expect(read(&self.pointer_bytes), mem::size_of::<usize>() as u32, |found, expected| {
            AttachError::PointerBytes { found, expected }
        })?;
        expect(read(&self.page_bytes), PAGE_BYTES as u32, |found, expected| {
            AttachError::PageBytes { found, expected }
        })?;
        let told = self.bytes.load(Ordering::Relaxed);
        if told != bytes as u64 {
            return Err(AttachError::Length { found: bytes as u64, expected: told });
        }
        let (heap, capacity) = (read(&self.heap), read(&self.capacity));
        let [inode, nanoseconds] = self.birth.each_ref().map(|word| word.load(Ordering::Relaxed));
        let facts = Facts {
            bytes,
            heap,
            capacity,
            identity: load_halves(&self.identity),
            boot: load_halves(&self.boot),
            birth: Birth { inode, nanoseconds },
        };
        let is_named = Handle::new(heap, 0).is_some();
        if !is_named || !(1..=Owner::MAX_SLOTS).contains(&capacity) || facts.tables().is_none() {
            return Err(AttachError::NoHeap);
        }
        Ok(facts)
    }
}

impl Facts {
    /// Whether this is the heap that was made in some memory, and not a copy.
    ///
    /// # Errors
    ///
    /// Those of [`Memory::birth`].
    pub(crate) fn is_original_in(&self, memory: &Memory) -> io::Result<bool> {
        Ok(self.birth.may_be(memory.birth()?))
    }

    /// Whether it was made since the machine was started.
    ///
    /// # Errors
    ///
    /// Those of [`machine::boot_id`].
    pub(crate) fn is_of_this_start(&self) -> io::Result<bool> {
        Ok(self.boot == 0 || self.boot == machine::boot_id()?)
    }

    /// Where the slots of participants begin.
    pub(crate) const SLOTS_START: usize = mem::size_of::<Head>();

    /// Where the tables of the slab lie; none if there is no room for a page.
    pub(crate) fn tables(&self) -> Option<Tables> {
        let slots = self.capacity as usize * mem::size_of::<participants::Slot>();
        let tables = Tables::fit(Self::SLOTS_START + slots, self.bytes);
        (1..=Slab::MAX_PAGES).contains(&tables.count).then_some(tables)
    }

    /// Whether handles reach as far, and the slab has so many pages.
    pub(crate) fn fit(bytes: usize) -> bool {
        bytes as u64 <= Slab::MAX_BYTES
    }

    /// The fewest bytes of a heap for so many participants.
    pub(crate) fn min_bytes(capacity: u32) -> usize {
        let slots = capacity as usize * mem::size_of::<participants::Slot>();
        Tables::for_one_page(Self::SLOTS_START + slots).bytes()
    }
}

fn expect(
    found: u32,
    expected: u32,
    error: impl FnOnce(u32, u32) -> AttachError,
) -> Result<(), AttachError> {
    if found == expected { Ok(()) } else { Err(error(found, expected)) }
}

fn store_halves(halves: &[AtomicU64; 2], number: u128) {
    halves[0].store(number as u64, Ordering::Relaxed);
    halves[1].store((number >> 64) as u64, Ordering::Relaxed);
}

fn load_halves(halves: &[AtomicU64; 2]) -> u128 {
    let [low, high] = halves.each_ref().map(|half| u128::from(half.load(Ordering::Relaxed)));
    low | high << 64
}

const _: () = assert!(Slab::MAX_BYTES <= Handle::MAX_BYTES);
const _: () = assert!(mem::size_of::<Head>() % mem::align_of::<participants::Slot>() == 0);
