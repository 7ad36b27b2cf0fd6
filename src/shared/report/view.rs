//! `HeapView`: a heap for tools that look at it, and change nothing.
#![expect(unsafe_code, reason = "looks at memory that others write")]

use core::fmt;
use std::os::fd::OwnedFd;

use super::report::HeapReport;
use super::view_error::ViewError;
use crate::region::Region;
use crate::shared::access::backing::Backing;
use crate::shared::heap::attach_error::AttachError;
use crate::shared::heap::head::{Facts, Head};
use crate::shared::heap::sight::Sight;
use crate::shared::heap::snapshot::{self, Seen};
use crate::sys::mapping::{Access, Memory};
use crate::sys::trusted::Trust;

/// A heap that is looked at from outside.
///
/// It is mapped for reading. Whoever has it is no participant, takes no lock, and writes nothing: neither
/// a bug of the tool nor its death can harm the heap, and it can look at one whose lock is held, whose
/// table of participants is full, or whose machine was restarted.
///
/// Others may write meanwhile. So each look copies the tables, reads the roots, and looks whether anything
/// has changed; if so it looks again, some times. What an operation has left whose process died is put in
/// order in the copy first, as the next participant will in the heap.
///
/// Reading may wait for the disk. A file that somebody cuts off in the middle of a look ends this process by
/// a SIGBUS, as it does the participants.
///
/// ```
/// use aquifer::{Backing, HeapView, SharedHeap};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// // SAFETY: nobody writes there by it.
/// let descriptor = unsafe { heap.as_fd() }.unwrap();
/// let view = HeapView::from_fd(descriptor.try_clone_to_owned()?)?;
/// view.check()?;
/// assert_eq!(view.report()?.stats.pages, heap.stats().pages);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HeapView {
    memory: Memory,
    facts: Facts,
    /// Whether somebody may use it.
    is_current: bool,
}

impl HeapView {
    /// Maps a heap that has a name, for reading.
    ///
    /// # Errors
    ///
    /// Those of [`SharedHeap::open`](crate::SharedHeap::open), but for [`AttachError::OtherBoot`] and
    /// [`AttachError::Copied`]: these can be looked at, and nobody is alive in them.
    pub fn open(backing: &Backing) -> Result<Self, AttachError> {
        Self::open_trusting(backing, Trust::OwnUser)
    }

    /// Maps a heap that has a name, for reading, whoever may write to its file.
    ///
    /// # Errors
    ///
    /// Those of [`HeapView::open`], but for the owner and the mode of the file.
    ///
    /// # Safety
    ///
    /// The caller vouches for all who can write to the file: that they do not cut it off meanwhile.
    pub unsafe fn open_shared(backing: &Backing) -> Result<Self, AttachError> {
        Self::open_trusting(backing, Trust::Vouched)
    }

    fn open_trusting(backing: &Backing, trust: Trust) -> Result<Self, AttachError> {
        let place = backing.place()?.ok_or(AttachError::NotFound)?;
        Self::new(place.open(Access::ReadOnly, trust)?)
    }

    /// Maps the heap of a descriptor, for reading: that of [`SharedHeap::as_fd`](crate::SharedHeap::as_fd).
    ///
    /// # Errors
    ///
    /// What is wrong with the memory, or with the heap in it.
    pub fn from_fd(descriptor: OwnedFd) -> Result<Self, AttachError> {
        Self::new(Memory::from_fd(descriptor, Access::ReadOnly, Trust::OwnUser)?)
    }

    /// Maps the heap of a descriptor, for reading, whoever may write to its file.
    ///
    /// # Errors
    ///
    /// Those of [`HeapView::from_fd`], but for the owner and the mode of the file.
    ///
    /// # Safety
    ///
    /// As for [`HeapView::open_shared`].
    pub unsafe fn from_fd_shared(descriptor: OwnedFd) -> Result<Self, AttachError> {
        Self::new(Memory::from_fd(descriptor, Access::ReadOnly, Trust::Vouched)?)
    }

    /// Looks at memory that nobody else of this process knows of.
    pub(crate) fn new(memory: Memory) -> Result<Self, AttachError> {
        let facts = Head::in_memory(&memory)?.read(memory.bytes())?;
        let is_original = facts.is_original_in(&memory).map_err(AttachError::System)?;
        let is_current = is_original && facts.is_of_this_start().unwrap_or(false);
        Ok(Self { memory, facts, is_current })
    }

    /// Describes the heap, for people and for programs. If it never stood still, and the report is made of
    /// several moments, [`HeapReport::is_exact`] says so.
    ///
    /// # Errors
    ///
    /// [`ViewError::CutOff`]. What is damaged is told in the report.
    pub fn report(&self) -> Result<HeapReport, ViewError> {
        let Seen { value: mut report, is_exact } =
            self.look(|heap| HeapReport::of(heap, heap.head.lock_state()))?;
        report.is_exact = is_exact;
        Ok(report)
    }

    /// Walks through all tables and roots, to find out whether a stray write has hit them.
    ///
    /// # Errors
    ///
    /// [`ViewError::Damaged`] with the first thing that is not as every operation leaves it, and
    /// [`ViewError::Busy`] if the heap never stood still, so that nobody can tell.
    pub fn check(&self) -> Result<(), ViewError> {
        match self.look(|heap| heap.check())? {
            Seen { value, is_exact: true } => value.map_err(ViewError::Damaged),
            Seen { .. } => Err(ViewError::Busy),
        }
    }

    fn look<T>(&self, see: impl Fn(Sight<'_>) -> T) -> Result<Seen<T>, ViewError> {
        if !self.memory.is_whole().unwrap_or(false) {
            return Err(ViewError::CutOff);
        }
        // SAFETY: mapped until this is dropped.
        let region = unsafe { Region::new(self.memory.start(), self.facts.bytes) };
        // SAFETY: it is all of the heap.
        unsafe { snapshot::look(region, self.facts, self.is_current, see) }.ok_or(ViewError::CutOff)
    }
}

impl fmt::Debug for HeapView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { bytes, heap, .. } = self.facts;
        f.debug_struct("HeapView")
            .field("number", &heap)
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
