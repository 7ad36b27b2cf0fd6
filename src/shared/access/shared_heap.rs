//! `SharedHeap`: memory that processes share, and that any of them may die in.
#![expect(unsafe_code, reason = "unmaps a heap, and looks at one")]

use core::fmt;
use core::ptr;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::backing::Backing;
use crate::error::AllocError;
use crate::shared::heap::attach_error::AttachError;
use crate::shared::heap::attached::Attached;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::Facts;
use crate::shared::heap::heap_damage::HeapDamage;
use crate::shared::heap::held::Unusable;
use crate::shared::heap::snapshot::{self, Seen};
use crate::sync::membership;
use crate::sys::mapping::{Access, Memory};
use crate::sys::trusted::Trust;

/// A heap in memory that processes share, and that any of them may die in.
///
/// All who attach it find the same values in it: by name, as [`Root`](crate::Root)s, and from there by
/// [`ShmBox`](crate::ShmBox), [`ShmVec`](crate::ShmVec) and [`ShmString`](crate::ShmString), wherever in
/// its own memory each of them has mapped it. What is changed by several lies in a
/// [`ShmMutex`](crate::ShmMutex), or is atomic.
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmMutex};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let hits = heap.root_or_insert_with("hits", || ShmMutex::new(0_u64))?;
/// // Here and in every process that has the heap:
/// *hits.lock().unwrap() += 1;
/// assert_eq!(*heap.root::<ShmMutex<u64>>("hits")?.lock().unwrap(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When a process dies
///
/// Any process may be killed at any instruction. The heap itself is whole at each: the next who uses it
/// finishes or takes back what the dead one was about, and no block is lost that was on its way. What
/// a process had in its private memory dies with it, and so does what a value owned that it was dropping: what
/// lies in the heap, and had its box there, stays, and nobody frees it. To put a box into its place without such a
/// moment, see [`ShmBox::insert_in`](crate::ShmBox::insert_in).
///
/// # What it takes
///
/// In each process a mapping; a thread that sleeps, by whose end the kernel tells others of this process's; and,
/// but for backings without one, a descriptor. In the heap, tables of one byte in 46, and what the roots take that
/// processes have found: each stays for as long as they do.
///
/// # Who can use it
///
/// Whoever can write to a heap can make any process that shares it do anything. So its file is this
/// user's alone, and is looked at when it is opened. If somebody cuts it off afterwards, whoever uses what was there
/// gets a SIGBUS; a memfd is sealed against that.
///
/// # Several heaps
///
/// A box may lie in another heap than its value. Whoever uses it attaches both: its eight bytes name the heap by a
/// number of 20 bits, which is drawn at random when a heap is made. In one process no two have the same
/// ([`AttachError::NumberTaken`]). But who has not attached the heap of a value, and has another that by chance, of
/// one in a million, got its number, takes what lies there for the value.
///
/// # Collections of others
///
/// `&SharedHeap` is an [`Allocator`](allocator_api2::alloc::Allocator). Such a collection has addresses
/// inside, which mean something in the process alone that has made them, and in children that are forked
/// from it. It may not be a root, and is lost with its process: its blocks stay taken.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use aquifer::{Backing, SharedHeap};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let mut numbers = Vec::new_in(&heap);
/// numbers.extend(0..100_u64);
/// assert!(numbers.try_reserve(1 << 20).is_err(), "the heap is not as large");
/// assert_eq!((numbers.len(), heap.stats().used_blocks), (100, 1));
/// drop(numbers);
/// assert_eq!(heap.stats().used_blocks, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It stays mapped until the process ends, or [`SharedHeap::detach`] is called; dropping this changes
/// nothing.
#[derive(Clone)]
#[doc(alias = "ngx_shm_zone_t")]
pub struct SharedHeap {
    pub(crate) attached: &'static Attached,
}

impl SharedHeap {
    /// Attaches a heap that has a name. In one process all handles of a heap lead to one mapping.
    ///
    /// # Errors
    ///
    /// [`AttachError::NotFound`], also for a backing without names; [`AttachError::Name`]; what is wrong with the
    /// file; what is wrong with the heap in it; and [`AttachError::NotJoined`].
    pub fn open(backing: &Backing) -> Result<Self, AttachError> {
        Self::open_trusting(backing, Trust::OwnUser)
    }

    /// Attaches a heap that has a name, whoever may write to its file.
    ///
    /// # Errors
    ///
    /// Those of [`SharedHeap::open`], but for the owner and the mode of the file.
    ///
    /// # Safety
    ///
    /// The caller vouches for all who can write to the file: that they use it as a heap, by this crate,
    /// and keep to what its unsafe functions ask for.
    pub unsafe fn open_shared(backing: &Backing) -> Result<Self, AttachError> {
        Self::open_trusting(backing, Trust::Vouched)
    }

    fn open_trusting(backing: &Backing, trust: Trust) -> Result<Self, AttachError> {
        Self::open_prepared(backing, trust, |_| Ok(()))
    }

    /// Attaches a heap that has a name, whose memory is prepared for it.
    pub(super) fn open_prepared(
        backing: &Backing,
        trust: Trust,
        prepare: impl FnOnce(&Memory) -> Result<(), AttachError>,
    ) -> Result<Self, AttachError> {
        let place = backing.place()?.ok_or(AttachError::NotFound)?;
        let memory = place.open(Access::ReadWrite, trust)?;
        Attached::find(memory, prepare).map(|attached| Self { attached })
    }

    /// Makes a heap in new memory, which is all zero, and attaches it.
    pub(crate) fn build(memory: Memory, capacity: u32) -> Result<Self, AttachError> {
        Attached::build(memory, capacity).map(|attached| Self { attached })
    }

    /// Attaches the heap in mapped memory; or returns the one that is attached already, if it is the same.
    pub(crate) fn find(memory: Memory) -> Result<Self, AttachError> {
        Attached::find(memory, |_| Ok(())).map(|attached| Self { attached })
    }

    /// Takes the name of a heap away, or of whatever has it. Those who have attached it keep it, and it is gone with
    /// the last of them.
    ///
    /// # Errors
    ///
    /// [`AttachError::NotFound`], also for a backing without names; [`AttachError::Name`]; and those of the system.
    pub fn unlink(backing: &Backing) -> Result<(), AttachError> {
        let place = backing.place()?.ok_or(AttachError::NotFound)?;
        place.unlink().map_err(AttachError::from)
    }

    /// Attaches the heap of a descriptor that another process has passed: that of [`SharedHeap::as_fd`].
    ///
    /// # Errors
    ///
    /// What is wrong with the memory, which is to be this user's, or with the heap in it; and
    /// [`AttachError::NotJoined`].
    pub fn from_fd(descriptor: OwnedFd) -> Result<Self, AttachError> {
        Self::find(Memory::from_fd(descriptor, Access::ReadWrite, Trust::OwnUser)?)
    }

    /// Attaches the heap of a descriptor that another process has passed, whoever may write to its file.
    ///
    /// # Errors
    ///
    /// Those of [`SharedHeap::from_fd`], but for the owner and the mode of the file.
    ///
    /// # Safety
    ///
    /// As for [`SharedHeap::open_shared`].
    pub unsafe fn from_fd_shared(descriptor: OwnedFd) -> Result<Self, AttachError> {
        Self::find(Memory::from_fd(descriptor, Access::ReadWrite, Trust::Vouched)?)
    }

    /// Returns what can be passed to another process over a Unix socket, or be inherited: for
    /// [`SharedHeap::from_fd`]. None for a backing without descriptors.
    ///
    /// # Safety
    ///
    /// By this descriptor and its copies nobody writes to the heap's memory, or has others write there, but as a heap
    /// and by this crate. Whoever gets one can do what this process can.
    #[must_use]
    pub unsafe fn as_fd(&self) -> Option<BorrowedFd<'static>> {
        self.attached.memory.descriptor()
    }

    /// Leaves the heap, and takes it out of this process. A thread that has found the owner of another lock dead
    /// may just put this heap in order: it is waited for, and so is whoever has the heap's lock then, if it does.
    ///
    /// # Safety
    ///
    /// From here on nobody in this process uses anything that lies in the heap, or a handle to it: no box,
    /// vector, string, root, lock, guard, or memory; nor its descriptor, which is closed. It is not called by a signal handler. Nor does anybody here open
    /// the same heap meanwhile: afterwards he may.
    pub unsafe fn detach(self) {
        let attached = self.attached;
        attached.forget();
        attached.attachment.forget();
        // SAFETY: the caller's promise.
        unsafe { membership::leave(attached.attachment) };
        // SAFETY: what was attached is never dropped, and by the caller's promise not used any more.
        drop(unsafe { ptr::read(&attached.memory) });
    }

    /// Returns the heap that a handle leads to.
    pub(crate) fn of(handle: Handle) -> Result<Self, AllocError> {
        Attached::of(handle.heap()).map(|attached| Self { attached }).ok_or(AllocError)
    }

    /// Puts in order what dead processes have left: the operation that one was killed in, their slots, and
    /// the roots that only they had found. Returns how many slots are free now that were not.
    ///
    /// Nobody has to call this: a process that needs a slot, or finds the owner of a lock dead, helps
    /// itself. A supervisor that has just seen a child die saves others the time.
    ///
    /// # Panics
    ///
    /// As [`SharedHeap::remove_root`].
    #[doc(alias = "ngx_shmtx_force_unlock")]
    pub fn reap(&self) -> usize {
        let freed = self.attached.attachment.table.reap();
        // Who has no slot, and finds none, has nothing to put in order by.
        let _ = self.attached.put_in_order(None);
        self.free_removed_roots();
        freed
    }

    /// Walks through all tables and roots, to find out whether a stray write has hit them: whether the
    /// pages are covered and the lists are right, and whether each root lies in a block of its own, has a
    /// name, and stands in the list of that. It takes some microseconds for each MiB, and 20 ns for each small block, in
    /// which nobody else can use the heap. It does not know what values
    /// are made of: a box that leads nowhere is found by who uses it, and panics.
    ///
    /// The next who uses the heap after a death puts in order what the dead one was changing, and looks at
    /// nothing else. Whether one who died of a fault had written anywhere before, this tells.
    ///
    /// Where the lock cannot be taken, because this process is no participant, a signal handler has
    /// interrupted who holds it, or somebody who lives keeps it for longer than a second, it looks at a copy,
    /// as [`HeapView::check`](crate::HeapView::check) does; what is not to be told then is taken for whole.
    ///
    /// # Errors
    ///
    /// The first thing that is not as every operation leaves it.
    pub fn check(&self) -> Result<(), HeapDamage> {
        let attached = self.attached;
        match attached.hold_to_look() {
            Ok(_held) => attached.sight().check(),
            Err(Unusable::Damaged(damage)) => Err(damage.into()),
            Err(_) => {
                // SAFETY: the region is all of the heap, and stays mapped.
                match unsafe {
                    snapshot::look(attached.region, attached.facts, true, |heap| heap.check())
                } {
                    Some(Seen { value, is_exact: true }) => value,
                    _ => Ok(()),
                }
            }
        }
    }
}

#[cfg(fuzzing)]
impl SharedHeap {
    /// Where the word of a heap's lock lies: who fuzzes it leaves that alone, or waits for ever to change it. What lies
    /// behind it says whether the heap is to be put in order.
    #[doc(hidden)]
    pub const LOCK_BYTES: core::ops::Range<usize> = {
        let start = core::mem::offset_of!(crate::shared::heap::head::Head, lock);
        start..start + crate::sync::raw::RawLock::WORD_BYTES
    };
}

impl fmt::Debug for SharedHeap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { bytes, heap, capacity, .. } = self.attached.facts;
        f.debug_struct("SharedHeap")
            .field("number", &heap)
            .field("bytes", &bytes)
            .field("participants", &capacity)
            .finish_non_exhaustive()
    }
}
