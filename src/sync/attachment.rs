//! `Attachment`: a region of shared memory that this process has mapped, found by an address inside.
//!
//! ```text
//! address ──▶ Attachment   the region and the table of its participants. A child inherits both.
//!                  └─────▶ Entry   what this process is there. Wiped in a forked child.
//! ```
//!
//! What lies in a region is of that region, for all who share it, wherever they have mapped it: so
//! nothing in shared memory has to say so.
#![expect(unsafe_code, reason = "lends attachments, and memory that a child finds wiped, for good")]

use core::iter;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, compiler_fence};
use std::io;
use std::thread;
use std::time::Duration;

use super::join_error::JoinError;
use super::owner::Owner;
use super::participants::Participants;
use super::primitives::Instant;
use super::turn::Turn;
use crate::sys::keeper::Keeper;
use crate::sys::wiped;

/// A region, and what this process knows of it.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) region: Region,
    pub(crate) table: Participants<'static>,
    pub(crate) entry: &'static Entry,
    /// Puts in order what a process has left that died in this region: for those who find the owner of a
    /// lock dead, before they look at what it protects.
    settle: Settle,
    /// Whether the region is going to be unmapped, or is: nobody pins it from now on.
    is_detached: AtomicBool,
    /// The keeper of the last process of this line that has joined: in a child, its parent's.
    pub(crate) keeper: AtomicPtr<Keeper>,
    /// The bits of the [`Owner`]s of the last two processes of this line that have joined, the last one first; or 0.
    pub(crate) line: [AtomicU32; 2],
    /// The one that was attached before this.
    before: AtomicPtr<Attachment>,
}

/// See [`Attachment::settle_all`].
pub(crate) type Settle = fn(&'static Attachment, Option<Instant>) -> Result<(), Unsettled>;

/// Why it is not known whether a region is in order.
#[derive(Debug)]
pub(crate) enum Unsettled {
    /// This process is no participant there, and cannot become one.
    NotJoined(JoinError),
    /// Somebody who lives has been busy there all the time there was.
    Busy,
}

/// Where a region is mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) start: usize,
    pub(crate) bytes: usize,
}

/// What this process is in a region; all zero is nothing yet.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The bits of its [`Owner`], or 0.
    pub(crate) owner: AtomicU32,
    /// Of the threads of this process, to join or to leave.
    pub(crate) joining: Turn,
    /// How many [`Pin`]s there are.
    pins: AtomicU32,
}

/// Keeps a region mapped that somebody is busy with who was not asked to be: whoever detaches it cannot
/// know of him, and waits until this is dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    attachment: &'static Attachment,
}

static NEWEST: AtomicPtr<Attachment> = AtomicPtr::new(ptr::null_mut());

impl Attachment {
    const MOMENT: Duration = Duration::from_micros(100);

    /// Makes one of a region with the table of its participants, which nobody finds yet.
    ///
    /// # Errors
    ///
    /// Those of [`wiped::map`].
    pub(crate) fn new(
        region: Region,
        table: Participants<'static>,
        settle: Settle,
    ) -> io::Result<Box<Self>> {
        let entry = wiped::map(size_of::<Entry>())?.cast::<Entry>();
        // SAFETY: mapped for as long as anybody knows of it, zeroed, and all zero is an entry.
        let entry = unsafe { entry.as_ref() };
        let (keeper, line, before) = Default::default();
        let is_detached = AtomicBool::new(false);
        Ok(Box::new(Self { region, table, entry, settle, is_detached, keeper, line, before }))
    }

    /// Makes it known to this process, for good: threads remember it.
    pub(crate) fn add(self: Box<Self>) -> &'static Self {
        let attachment: &'static Self = Box::leak(self);
        let add = |newest| {
            attachment.before.store(newest, Ordering::Relaxed);
            Some(ptr::from_ref(attachment).cast_mut())
        };
        let _ = NEWEST.fetch_update(Ordering::Release, Ordering::Relaxed, add);
        attachment
    }

    /// Returns the one in whose region an address is; the newest, if memory was mapped there again.
    pub(crate) fn around(address: usize) -> Option<&'static Self> {
        Self::all().find(|attachment| attachment.region.contains(address))
    }

    /// Puts in order what the dead have left in all regions: a lock may lie in one, and what its owner was
    /// about in another.
    ///
    /// # Errors
    ///
    /// In one of them this process is no participant, and cannot become one; or somebody is busy there until
    /// the deadline.
    #[cold]
    pub(crate) fn settle_all(deadline: Option<Instant>) -> Result<(), Unsettled> {
        Self::all().try_for_each(|attachment| match attachment.pin() {
            Some(_pin) => (attachment.settle)(attachment, deadline),
            None => Ok(()),
        })
    }

    /// Returns who the last process was that joined before this one: in a child that was forked by a process that
    /// had joined, its parent, be the child a participant already or not.
    pub(crate) fn predecessor(&self) -> Option<Owner> {
        let [last, before] = &self.line;
        let last = last.load(Ordering::Relaxed);
        // In this order: a signal handler may join in between.
        compiler_fence(Ordering::SeqCst);
        let has_joined = self.entry.owner().is_some();
        Owner::from_bits(if has_joined { before.load(Ordering::Relaxed) } else { last })
    }

    /// Keeps the region mapped; none if it is not to stay so.
    pub(crate) fn pin(&'static self) -> Option<Pin> {
        // Either this sees that it is detached, or whoever detaches it sees the pin.
        self.entry.pins.fetch_add(1, Ordering::SeqCst);
        let pin = Pin { attachment: self };
        (!self.is_detached.load(Ordering::SeqCst)).then_some(pin)
    }

    /// Whether somebody has a pin.
    pub(crate) fn is_pinned(&self) -> bool {
        self.entry.pins.load(Ordering::SeqCst) != 0
    }

    /// Forgets the region, which can be unmapped when this returns.
    pub(crate) fn forget(&self) {
        self.is_detached.store(true, Ordering::SeqCst);
        while self.is_pinned() {
            // Who has a pin may wait for a lock of another process.
            thread::sleep(Self::MOMENT);
        }
    }

    /// The regions of this process, the newest first.
    fn all() -> impl Iterator<Item = &'static Self> {
        let find = |attachment: *mut Self| {
            // SAFETY: `new` has stored it, and it is never freed.
            unsafe { attachment.as_ref() }
        };
        let newest = find(NEWEST.load(Ordering::Acquire));
        iter::successors(newest, move |attachment| find(attachment.before.load(Ordering::Relaxed)))
            .filter(|attachment| !attachment.is_detached.load(Ordering::Relaxed))
    }
}

impl Drop for Attachment {
    /// Only one that was never added, and in which no process has joined, is ever dropped.
    fn drop(&mut self) {
        // SAFETY: mapped for this alone with this length, and no thread knows of it.
        unsafe { wiped::unmap(NonNull::from(self.entry).cast(), size_of::<Entry>()) };
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // A signal handler may have forked: the child has no pins, nor has it this one's.
        let pins = &self.attachment.entry.pins;
        let _ = pins.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |pins| pins.checked_sub(1));
    }
}

impl Region {
    pub(crate) const NOWHERE: Self = Self { start: 0, bytes: 0 };

    #[inline]
    pub(crate) const fn contains(self, address: usize) -> bool {
        address.wrapping_sub(self.start) < self.bytes
    }
}

impl Entry {
    pub(crate) const fn new() -> Self {
        Self { owner: AtomicU32::new(0), joining: Turn::new(), pins: AtomicU32::new(0) }
    }

    /// Who this process is in the region, if it has joined.
    #[inline]
    pub(crate) fn owner(&self) -> Option<Owner> {
        Owner::from_bits(self.owner.load(Ordering::Acquire))
    }
}
