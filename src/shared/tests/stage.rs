//! A heap in which a process works, and a copy in which it has died.
#![expect(unsafe_code, reason = "copies a heap, and kills in the copy")]

use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ptr;
use core::slice;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::region::Region;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::heap::attached::Attached;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::Facts;
use crate::shared::heap::heap_damage::HeapDamage;
use crate::shared::heap::held::Unusable;
use crate::shared::heap::record::Record;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;
use crate::sync::owner::Owner;
use crate::sync::participants::{OWNER_DIED, Slot};
use crate::sys::mapping::Memory;

/// Offsets and bytes of all blocks, in order.
pub(super) type Live = Vec<(usize, usize)>;

/// A heap, and memory for its copies.
pub(super) struct Stage {
    pub(super) heap: SharedHeap,
    pub(super) copy: &'static Attached,
    /// Shared with the process that works: see [`Notes`].
    pub(super) notes: &'static Notes,
    /// Where a word lies that leads to a vector of numbers, or to nothing.
    pub(super) watch: Cell<Option<usize>>,
    /// Where a lock lies that anybody gets who finds its owner dead.
    pub(super) lock: Cell<Option<usize>>,
    /// A word outside of the heap that is changed, too.
    pub(super) elsewhere: Cell<Option<&'static AtomicU64>>,
}

/// What a process that works says of itself. All zero is nothing yet.
#[derive(Default)]
pub(super) struct Notes {
    /// The bits of the [`Owner`] that it is.
    pub(super) owner: AtomicU32,
    /// 1 when it has begun, 2 when it has ended.
    pub(super) phase: AtomicU32,
}

/// What a death has left, put in order.
#[derive(PartialEq, Eq, Clone, Default, Debug)]
pub(super) struct Recovered {
    pub(super) live: Live,
    /// The names of the roots, with a dash before those that are removed.
    pub(super) roots: Vec<String>,
    /// The word that is watched, and what is at the handle that it is.
    pub(super) watched: Vec<u64>,
    /// What the next one finds who takes the lock; none while somebody has it who lives.
    pub(super) behind_lock: Option<Behind>,
}

/// What is found behind a lock.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub(super) struct Behind {
    /// Whether one is told that an owner has died.
    pub(super) is_warned: bool,
    pub(super) data: [u64; 2],
}

impl Stage {
    /// Nobody who finds another dead in another test settles this heap meanwhile.
    pub(super) fn new(bytes: usize) -> Self {
        let stage = Self::with_locks(bytes);
        stage.heap.attached.attachment.forget();
        stage
    }

    /// One in whose heap locks are found.
    pub(super) fn with_locks(bytes: usize) -> Self {
        let heap = SharedHeap::build(Memory::memfd(bytes).unwrap(), 4).unwrap();
        let memory = Memory::memfd(bytes).unwrap();
        // SAFETY: as many bytes as the heap has, for good.
        let region = unsafe { Region::new(memory.start(), bytes) };
        for slot in 0..4 {
            // This process is to be nobody there who is somebody in the heap.
            slot_of(region, slot)[1].store(1000, Ordering::Relaxed);
        }
        // SAFETY: used as copies of the heap only.
        let copy = unsafe { Attached::new(memory, heap.attached.facts) }.unwrap();
        let copy: &'static Attached = Box::leak(Box::new(copy));
        let notes = ManuallyDrop::new(Memory::map_anon(4096).unwrap());
        // SAFETY: zero, which is a value of it, and mapped for good.
        let notes = unsafe { notes.start().cast().as_ref() };
        let (watch, lock, elsewhere) = Default::default();
        Self { heap, copy, notes, watch, lock, elsewhere }
    }

    /// All of the heap. Nobody may write while it is looked at.
    pub(super) fn bytes(&self) -> &'static [u8] {
        bytes(self.heap.attached)
    }

    /// What there would be if the process that works died now.
    pub(super) fn recover(&self) -> Result<Recovered, HeapDamage> {
        self.renew_copy();
        self.bury_in(self.copy);
        self.look_at(self.copy)
    }

    /// Has the process that works be dead in the heap itself while somebody looks at it, and changes it: handles
    /// lead there, and not into the copy. Then everything is as it was.
    pub(super) fn without_worker<T>(&self, look: impl FnOnce() -> T) -> T {
        let bytes = self.bytes().to_vec();
        self.bury_in(self.heap.attached);
        let seen = look();
        let place = self.heap.attached.region.start().as_ptr();
        // SAFETY: they were there, and the only other process stands still.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        seen
    }

    /// Says that the process that works is dead.
    fn bury_in(&self, attached: &Attached) {
        if let Some(owner) = Owner::from_bits(self.notes.owner.load(Ordering::Relaxed)) {
            slot_of(attached.region, owner.slot().unwrap())[0].store(OWNER_DIED, Ordering::Relaxed);
        }
    }

    pub(super) fn word_elsewhere(&self) -> Option<u64> {
        self.elsewhere.get().map(|word| word.load(Ordering::Relaxed))
    }

    /// Makes the copy what the heap is now. The process that works stands still.
    pub(super) fn renew_copy(&self) {
        let bytes = self.bytes();
        let place = self.copy.region.start().as_ptr();
        // SAFETY: nobody writes there meanwhile, but a thread that gives a lock back, by a word at a time; and the copy
        // is this thread's alone.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// What there is.
    pub(super) fn look(&self) -> Result<Recovered, HeapDamage> {
        self.look_at(self.heap.attached)
    }

    pub(super) fn look_at(&self, attached: &Attached) -> Result<Recovered, HeapDamage> {
        let behind_lock = self.lock.get().and_then(|lock| behind(attached, lock));
        let held = attached.hold().map_err(|unusable| match unusable {
            Unusable::Damaged(damage) => HeapDamage::from(damage),
            other => panic!("{other:?}"),
        })?;
        held.free_lost_blocks();
        attached.sight().check()?;
        let mut live = vec![];
        attached.slab.check(|offset, bytes| live.push((offset, bytes)))?;
        let name = |record: Record<'_>| {
            let dash = if record.is_named() { "" } else { "-" };
            format!("{dash}{}", String::from_utf8_lossy(record.name().unwrap()))
        };
        let mut roots: Vec<String> = held.roots().map(name).collect();
        roots.sort();
        let watched = self.watch.get().map(|place| watched(attached, place)).unwrap_or_default();
        Ok(Recovered { live, roots, watched, behind_lock })
    }
}

/// Reads what is another process's: the process that is stepped through gives back what its parent has.
///
/// # Safety
///
/// In this process nobody uses the original any more, if the copy is used up.
pub(super) unsafe fn copy_of<T>(original: &T) -> T {
    // SAFETY: a reference leads to a valid value; and the caller's promise.
    unsafe { ptr::read(original) }
}

/// Takes a lock, be it a dead one's, and gives it back.
fn behind(attached: &Attached, place: usize) -> Option<Behind> {
    let place = attached.region.at(place, size_of::<ShmMutex<[u64; 2]>>()).unwrap();
    // SAFETY: a lock lies there, and is mapped for good.
    let lock: &ShmMutex<[u64; 2]> = unsafe { place.cast().as_ref() };
    match lock.try_lock() {
        Ok(guard) => Some(Behind { is_warned: false, data: *guard }),
        Err(LockError::OwnerDied(dead)) => {
            // SAFETY: any bytes are numbers.
            let guard = unsafe { dead.into_guard() };
            Some(Behind { is_warned: true, data: *guard })
        }
        Err(LockError::Held) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// A word, and the numbers of the vector that it leads to.
fn watched(attached: &Attached, place: usize) -> Vec<u64> {
    let word = |place: usize| attached.word_at(place).unwrap().load(Ordering::Relaxed);
    let bits = word(place);
    let Some(handle) = Handle::from_bits(bits) else { return vec![0] };
    let length = word(handle.offset()) as usize;
    let numbers = (0..length).map(|index| word(handle.offset() + 16 + index * 8));
    [bits, length as u64].into_iter().chain(numbers).collect()
}

/// The liveness of a slot, and its generation.
fn slot_of(region: Region, slot: u32) -> &'static [AtomicU32; 2] {
    let place = Facts::SLOTS_START + slot as usize * size_of::<Slot>();
    let slot = region.at(place, size_of::<Slot>()).unwrap();
    // SAFETY: a slot begins with these two, and is mapped for good.
    unsafe { slot.cast().as_ref() }
}

fn bytes(attached: &Attached) -> &'static [u8] {
    let (start, bytes) = (attached.region.start(), attached.facts.bytes);
    // SAFETY: mapped for good, and nobody writes while it is looked at: the process that works stands still.
    unsafe { slice::from_raw_parts(start.as_ptr(), bytes) }
}
