//! `Held`: the right to change a heap, until it is dropped.
#![expect(unsafe_code, reason = "tells where blocks are, and reads words")]

use core::alloc::Layout;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::thread;

use super::attached::Attached;
use super::flight;
use super::handle::Handle;
use crate::geometry::PAGE_BYTES;
use crate::slab::damage;
use crate::slab::slab::Misuse;
use crate::sync::attachment::{Attachment, Unsettled};
use crate::sync::join_error::JoinError;
use crate::sync::membership;
use crate::sync::owner::Word;
use crate::sync::primitives::Instant;
use crate::sync::raw::{Applicant, Damage, Refusal};

/// A heap, for the one who holds its lock. User's code never runs meanwhile.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    attached: &'a Attached,
    /// That of the lock.
    word: Word,
}

/// Why a heap cannot be changed.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// Its tables are overwritten.
    Damaged(damage::Damage),
    /// This process is no participant.
    NotJoined(JoinError),
    /// This very thread holds the lock: a signal handler has interrupted it.
    Interrupted,
    /// Somebody who lives has held the lock all the time there was.
    Kept,
}

/// A block that was taken, and is pending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) handle: Handle,
    pub(crate) memory: NonNull<u8>,
}

impl Attached {
    /// Waits for the lock. If its last owner died, puts the heap in order first.
    ///
    /// # Errors
    ///
    /// See [`Unusable`].
    #[inline]
    pub(crate) fn hold(&self) -> Result<Held<'_>, Unusable> {
        self.hold_until(None)
    }

    /// As [`Attached::hold`], and waits no longer than until a deadline.
    #[inline]
    fn hold_until(&self, deadline: Option<Instant>) -> Result<Held<'_>, Unusable> {
        match self.hold_free() {
            Some(held) => Ok(held),
            None => self.hold_slowly(deadline),
        }
    }

    /// As [`Attached::hold`], for those who change nothing and can do without: they wait no longer than
    /// a second for somebody who lives. He may be stopped, or the word that names him a stray one.
    ///
    /// # Errors
    ///
    /// See [`Unusable`].
    pub(crate) fn hold_to_look(&self) -> Result<Held<'_>, Unusable> {
        const LONGEST: Duration = Duration::from_secs(1);
        self.hold_until(Some(Instant::after(LONGEST)))
    }

    /// The way of a lock that is free, and whose last owner has left the heap in order.
    #[inline]
    pub(crate) fn hold_free(&self) -> Option<Held<'_>> {
        let lock = &self.head.lock;
        let member = membership::member(ptr::from_ref(lock).addr())?;
        if !lock.take_free(member.word) {
            return None;
        }
        let held = Held { attached: self, word: member.word };
        // Else it is given back here, and the slow way looks at it.
        (lock.damage() == Damage::None).then_some(held)
    }

    /// As [`Attached::hold_free`], whatever is in its way.
    #[cold]
    pub(crate) fn try_slowly(&self) -> Option<Held<'_>> {
        self.hold_slowly(None).ok()
    }

    #[cold]
    fn hold_slowly(&self, deadline: Option<Instant>) -> Result<Held<'_>, Unusable> {
        let lock = &self.head.lock;
        let member = membership::identify(self.attachment).map_err(Unusable::NotJoined)?;
        let applicant = Applicant { word: member.word, participants: self.attachment.table };
        lock.lock(applicant, deadline).map_err(|refusal| match refusal {
            Refusal::Relock => Unusable::Interrupted,
            Refusal::Held => Unusable::Kept,
        })?;
        let held = Held { attached: self, word: member.word };
        if lock.damage() != Damage::None {
            // If the heap is damaged beyond that, the next who asks is told so, too.
            let word = |place| self.word(place);
            self.head.intent.settle(&self.slab, word).map_err(Unusable::Damaged)?;
            held.free_lost_blocks();
            lock.set_damage(Damage::None);
        }
        Ok(held)
    }

    /// Puts the heap of an attachment in order, if its lock is left by somebody who has died; one whose owner
    /// lives is his. But he may be about to look at a word, to find out what a dead owner has done: until that
    /// is settled, nobody is to change it. A heap that is damaged beyond that stays so, and whoever uses it is told.
    ///
    /// # Errors
    ///
    /// This process is no participant, and cannot become one; or somebody who lives keeps the lock until the
    /// deadline.
    pub(crate) fn settle(
        attachment: &'static Attachment,
        deadline: Option<Instant>,
    ) -> Result<(), Unsettled> {
        let Some(attached) = Self::all().find(|attached| ptr::eq(attached.attachment, attachment))
        else {
            return Ok(());
        };
        let lock = &attached.head.lock;
        let is_left = match lock.owner() {
            Some(owner) => !attachment.table.is_alive(owner) || attached.head.intent.is_declared(),
            None => lock.damage() != Damage::None || attached.has_lost_blocks(),
        };
        if is_left { attached.put_in_order(deadline) } else { Ok(()) }
    }

    /// Finishes or takes back what the dead have left, unless it is damaged beyond that.
    ///
    /// # Errors
    ///
    /// As for [`Attached::settle`].
    pub(crate) fn put_in_order(&self, deadline: Option<Instant>) -> Result<(), Unsettled> {
        match self.hold_until(deadline) {
            Ok(held) => _ = held.free_lost_blocks(),
            Err(Unusable::NotJoined(error)) => return Err(Unsettled::NotJoined(error)),
            Err(Unusable::Kept) => return Err(Unsettled::Busy),
            // Whoever uses it is told; and what this very thread is in the middle of is no dead one's.
            Err(Unusable::Damaged(_) | Unusable::Interrupted) => {}
        }
        Ok(())
    }

    /// Whether a block is on its way to nobody.
    pub(crate) fn has_lost_blocks(&self) -> bool {
        flight::lost(&self.head.flights, |owner| self.attachment.table.is_alive(owner))
            .next()
            .is_some()
    }

    /// A word of the heap, for those who know that one is there.
    fn word(&self, place: usize) -> Option<u64> {
        Some(self.word_at(place)?.load(Ordering::Acquire))
    }

    /// The word at an offset, if there is room for one.
    pub(crate) fn word_at(&self, place: usize) -> Option<&AtomicU64> {
        let word = self.region.at(place, size_of::<u64>()).filter(|_| place % 8 == 0)?;
        // SAFETY: within the mapping and aligned; any bytes are a number; who shares the heap changes
        // such words atomically.
        Some(unsafe { word.cast().as_ref() })
    }
}

impl<'a> Held<'a> {
    pub(crate) fn attached(&self) -> &'a Attached {
        self.attached
    }

    /// Takes a block of at least `layout`, which has bytes. It is pending until [`Held::done`].
    #[inline]
    pub(crate) fn take(&self, layout: Layout) -> Option<Taken> {
        let slab = &self.attached.slab;
        let offset = match slab.take(layout.size(), layout.align()) {
            Some(offset) => offset,
            None => self.take_slowly(layout)?,
        };
        let handle = self.attached.handle(offset)?;
        let memory = self.attached.region.at(handle.offset(), layout.size())?;
        // Else somebody has overwritten the tables.
        let is_aligned = handle.offset() % layout.align() == 0;
        is_aligned.then_some(Taken { handle, memory })
    }

    #[cold]
    fn take_slowly(&self, layout: Layout) -> Option<usize> {
        // Where others have mapped it a page is only as aligned as a page.
        let is_possible = layout.align() <= PAGE_BYTES;
        let allocate = || self.attached.slab.allocate(layout.size(), layout.align());
        let again = || self.free_lost_blocks().then(allocate).flatten();
        Some(is_possible.then(|| allocate().or_else(again))??.offset)
    }

    /// Gives back the blocks that are on their way to nobody; returns whether there were any.
    pub(crate) fn free_lost_blocks(&self) -> bool {
        let attached = self.attached();
        let is_alive = |owner| attached.attachment.table.is_alive(owner);
        flight::free_lost(&attached.head.flights, is_alive, &attached.slab)
    }

    /// Says that all blocks that were taken have their owner.
    #[inline]
    pub(crate) fn done(&self) {
        self.attached.slab.done();
    }

    /// Takes a block back, which had this layout.
    ///
    /// # Errors
    ///
    /// It is none, and nothing has changed.
    #[inline]
    pub(crate) fn give(&self, handle: Handle, layout: Layout) -> Result<(), Misuse> {
        let (slab, offset) = (&self.attached.slab, self.attached.slab_offset(handle));
        if slab.give(offset, layout.size(), layout.align()) { Ok(()) } else { slab.free(offset) }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // A child that was forked meanwhile has a copy of this, and not the lock.
        let Attached { head, attachment, .. } = self.attached;
        if !self.word.is_of(attachment.entry.owner.load(Ordering::Acquire)) {
            return;
        }
        // Else it is for another reason that the thread panics.
        if thread::panicking() && (head.intent.is_declared() || self.attached.slab.is_pending()) {
            head.lock.set_damage(Damage::Panicked);
        }
        head.lock.unlock(self.word);
    }
}
