//! `HeapOptions`: how a heap is made.
#![expect(unsafe_code, reason = "has an unsafe function, and leaves a heap")]

use std::io;

use super::backing::Backing;
use super::shared_heap::SharedHeap;
use crate::shared::heap::attach_error::AttachError;
use crate::shared::heap::head::Facts;
use crate::sync::owner::Owner;
use crate::sys::draft::Draft;
use crate::sys::machine;
use crate::sys::mapping::Memory;
use crate::sys::trusted::Trust;

/// How a heap is made: its size, and what else there is to choose.
///
/// ```
/// use aquifer::{Backing, HeapOptions, ShmBox};
///
/// let heap = HeapOptions::new(1 << 20).participants(8).create(&Backing::Memfd)?;
/// let number = ShmBox::new_in(7_u64, &heap)?;
/// assert_eq!(*number, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `create` is called"]
pub struct HeapOptions {
    bytes: usize,
    participants: u32,
    mode: u32,
    huge_pages: bool,
    locked: bool,
}

impl HeapOptions {
    /// The number of processes that can share a heap at the same time, if nothing else is said.
    pub const PARTICIPANTS: u32 = 128;

    /// For the owner of a file alone.
    const MODE: u32 = 0o600;

    /// Begins with a heap of `bytes` bytes, its tables included: these take one byte in 46.
    pub const fn new(bytes: usize) -> Self {
        let participants = Self::PARTICIPANTS;
        Self { bytes, participants, mode: Self::MODE, huge_pages: false, locked: false }
    }

    /// Sets how many processes can share it at the same time: at least 1, at most 4095. Each takes 32 bytes, and 4
    /// bytes of each root.
    pub const fn participants(mut self, participants: u32) -> Self {
        self.participants = if participants == 0 { 1 } else { participants };
        self
    }

    /// Sets the mode of the file of a heap that has a name, such as 0o660, instead of 0o600. Others open it by
    /// [`SharedHeap::open_shared`].
    ///
    /// # Safety
    ///
    /// The caller vouches for all who can then write to the file, or to the one that
    /// [`HeapOptions::open_or_create`] finds: that they use it as a heap, by this crate, and keep to what its
    /// unsafe functions ask for.
    pub const unsafe fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Asks for huge pages, where the system has them for such memory.
    pub const fn huge_pages(mut self, huge_pages: bool) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Keeps this process's view of it in physical memory: it is never swapped out.
    pub const fn lock_in_memory(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    /// Makes the heap, and attaches it. All of its memory is reserved, where the backing can do so: a
    /// full file system is an error here, and no signal later. So is a limit of the size of files.
    ///
    /// A heap that has a name has it only when it is whole. A process that is killed before leaves nothing where
    /// the file system knows files without a name (`O_TMPFILE`: ext4, XFS, Btrfs, tmpfs). Elsewhere a file
    /// stays in the directory that has as its name a dot, the name of the heap, another dot, and 32 digits: nobody
    /// opens it, and it may be removed when its maker is dead. A file gets its name by `/proc`, which is to be
    /// mounted.
    ///
    /// # Errors
    ///
    /// [`AttachError::TooSmall`], [`AttachError::TooLarge`], [`AttachError::Name`], [`AttachError::Exists`],
    /// [`AttachError::NotFound`] for the directory, [`AttachError::NotJoined`], and those of the system.
    #[doc(alias = "ngx_shm_alloc")]
    pub fn create(&self, backing: &Backing) -> Result<SharedHeap, AttachError> {
        self.check()?;
        let memory = match backing {
            Backing::Memfd => Memory::memfd(self.bytes),
            Backing::MapAnon => Memory::map_anon(self.bytes),
            Backing::DevZero => Memory::dev_zero(self.bytes),
            Backing::SysV => Memory::sys_v(self.bytes),
            Backing::Posix(_) | Backing::File(_) => return self.create_named(backing),
        };
        let memory = memory.map_err(AttachError::System)?;
        self.prepare(&memory)?;
        SharedHeap::build(memory, self.participants)
    }

    /// Attaches the heap that has a name, or makes it if there is none. Of several who are here at the
    /// same time one makes it, and all get it; nobody waits for another. For a backing without a name
    /// it makes one.
    ///
    /// # Errors
    ///
    /// Those of [`HeapOptions::create`] and [`SharedHeap::open`]; but for the owner and the mode of the file, if
    /// [`HeapOptions::mode`] has vouched for others. One that is there may have another size; one that this process
    /// has attached already stays in memory as it is.
    pub fn open_or_create(&self, backing: &Backing) -> Result<SharedHeap, AttachError> {
        let trust = if self.is_for_others() { Trust::Vouched } else { Trust::OwnUser };
        loop {
            match SharedHeap::open_prepared(backing, trust, |memory| self.prepare(memory)) {
                Err(AttachError::NotFound) => {}
                opened => return opened,
            }
            match self.create(backing) {
                // Somebody was faster.
                Err(AttachError::Exists) => {}
                created => return created,
            }
        }
    }

    /// Makes the heap in a file that has no name, or none that anybody looks for, until it is whole: so nobody
    /// finds half a heap.
    fn create_named(&self, backing: &Backing) -> Result<SharedHeap, AttachError> {
        let place = backing.place()?.ok_or(AttachError::NotFound)?;
        if place.is_taken() {
            // Before so much memory is reserved.
            return Err(AttachError::Exists);
        }
        // Else nobody could tell it from one of an earlier start of the machine.
        machine::boot_id().map_err(AttachError::System)?;
        // What is not found here is the directory.
        let draft = Draft::create(&place, self.bytes).map_err(AttachError::System)?;
        self.prepare(draft.memory())?;
        if self.is_for_others() {
            draft.set_mode(self.mode).map_err(AttachError::System)?;
        }
        let (memory, unnamed) = draft.split();
        let heap = SharedHeap::build(memory, self.participants)?;
        match unnamed.publish() {
            Ok(()) => Ok(heap),
            Err(error) => {
                // SAFETY: nobody has it but this, and no handle to it was made.
                unsafe { heap.detach() };
                Err(match error.kind() {
                    io::ErrorKind::AlreadyExists => AttachError::Exists,
                    _ => AttachError::System(error),
                })
            }
        }
    }

    const fn is_for_others(&self) -> bool {
        self.mode != Self::MODE
    }

    fn prepare(&self, memory: &Memory) -> Result<(), AttachError> {
        if self.huge_pages {
            memory.advise_huge_pages().map_err(AttachError::System)?;
        }
        if self.locked {
            memory.lock_in_memory().map_err(AttachError::System)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), AttachError> {
        if self.participants > Owner::MAX_SLOTS {
            return Err(AttachError::TooLarge);
        }
        let minimum = Facts::min_bytes(self.participants);
        if self.bytes < minimum {
            return Err(AttachError::TooSmall { minimum });
        }
        Facts::fit(self.bytes).then_some(()).ok_or(AttachError::TooLarge)
    }
}

impl SharedHeap {
    /// Makes a heap of `bytes` bytes for up to [`HeapOptions::PARTICIPANTS`] processes, and attaches it.
    ///
    /// # Errors
    ///
    /// Those of [`HeapOptions::create`].
    pub fn create(backing: &Backing, bytes: usize) -> Result<Self, AttachError> {
        HeapOptions::new(bytes).create(backing)
    }

    /// Attaches a heap that has a name, or makes one of `bytes` bytes if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`HeapOptions::open_or_create`].
    pub fn open_or_create(backing: &Backing, bytes: usize) -> Result<Self, AttachError> {
        HeapOptions::new(bytes).open_or_create(backing)
    }
}
