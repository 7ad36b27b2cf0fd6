//! Who this process is to others: its slot in the table of each region that it shares.
#![expect(unsafe_code, reason = "frees the keeper of a process that leaves")]

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::time::{Duration, Instant};

use super::attachment::{Attachment, Entry, Region};
use super::join_error::JoinError;
use super::owner::{Owner, Word};
use super::participants::{Participants, Process, Stake};
use super::primitives::Spin;
use crate::sys::keeper::{Keeper, Registrar};
use crate::sys::process;

/// Who a thread is, and where: the way of a lock that is free.
struct Identity {
    /// See [`draw_thread_number`].
    thread: Cell<u32>,
    /// Where the member below is one.
    region: Cell<Region>,
    member: Cell<Member>,
}

std::thread_local! {
    static IDENTITY: Identity = const {
        Identity {
            thread: Cell::new(0),
            region: Cell::new(Region::NOWHERE),
            // A word that no owner has.
            member: Cell::new(Member { word: Word::FREE.with_waiters(), entry: &NOBODY }),
        }
    };
}

static NOBODY: Entry = Entry::new();

/// What a thread takes a lock with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// What the lock's word is to be.
    pub(crate) word: Word,
    entry: &'static Entry,
}

impl Member {
    /// Whether this is still the process that has joined, and not its child with a copy of this.
    #[inline]
    pub(crate) fn is_original(self) -> bool {
        self.word.is_of(self.entry.owner.load(Ordering::Acquire))
    }
}

/// Returns who this thread is to a lock at an address, if its process has joined there and the
/// thread's last lock was of the same region.
#[inline]
pub(crate) fn member(address: usize) -> Option<Member> {
    IDENTITY.with(|identity| {
        let member = identity.member.get();
        (identity.region.get().contains(address) && member.is_original()).then_some(member)
    })
}

/// Returns who this thread is in a region; its process joins if it has not yet.
///
/// # Errors
///
/// See [`JoinError`].
#[cold]
pub(crate) fn identify(attachment: &'static Attachment) -> Result<Member, JoinError> {
    let owner = join(attachment)?;
    let &Attachment { region, entry, .. } = attachment;
    IDENTITY.with(|identity| {
        if identity.thread.get() == 0 {
            identity.thread.set(draw_thread_number());
        }
        let member = Member { word: Word::held_by(owner, identity.thread.get()), entry };
        // In this order, lest a signal handler that locks find the one with the other.
        identity.region.set(Region::NOWHERE);
        compiler_fence(Ordering::SeqCst);
        identity.member.set(member);
        compiler_fence(Ordering::SeqCst);
        identity.region.set(region);
        Ok(member)
    })
}

/// Returns a number that no other thread of this process has, never 0; after 2^32 threads they come again.
fn draw_thread_number() -> u32 {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1)
}

/// Returns who this process is in a region; it joins if it has not yet.
///
/// # Errors
///
/// See [`JoinError`].
pub(crate) fn join(attachment: &Attachment) -> Result<Owner, JoinError> {
    let Attachment { table, entry, keeper, line: [last, before], .. } = attachment;
    if let Some(owner) = entry.owner() {
        return Ok(owner);
    }
    let _turn = entry.joining.take();
    if let Some(owner) = entry.owner() {
        return Ok(owner);
    }
    Spin::count_processors();
    process::take_part_in_barriers().map_err(JoinError::System)?;
    let process = Process { pid: std::process::id(), start_seconds: process::start_seconds() };
    let (started, owner) = Keeper::start(|registrar| move_in(table, &registrar, process))
        .map_err(JoinError::System)??;
    keeper.store(Box::into_raw(Box::new(started)), Ordering::Relaxed);
    before.store(last.load(Ordering::Relaxed), Ordering::Relaxed);
    last.store(owner.bits(), Ordering::Relaxed);
    entry.owner.store(owner.bits(), Ordering::Release);
    Ok(owner)
}

/// Leaves a region, as if this process had died.
///
/// # Safety
///
/// No guard of a lock in this region is alive in this process, and no call of a lock in it is under way
/// or begins meanwhile.
pub(crate) unsafe fn leave(attachment: &'static Attachment) {
    let Attachment { entry, keeper, .. } = attachment;
    let _turn = entry.joining.take();
    if entry.owner.swap(0, Ordering::Acquire) == 0 {
        // The keeper, if there is one, is of this process's parent.
        return;
    }
    let keeper = keeper.swap(ptr::null_mut(), Ordering::Relaxed);
    if !keeper.is_null() {
        // SAFETY: `join` made it of a box, and the swap has left it to this call alone.
        unsafe { Box::from_raw(keeper) }.end();
    }
}

/// Takes a slot, on the thread of the keeper that will stand for this process.
fn move_in(
    table: &Participants<'static>,
    registrar: &Registrar<'_>,
    process: Process,
) -> Result<Owner, JoinError> {
    loop {
        let stake = stake(table)?;
        let Some(liveness) = table.liveness(stake) else { continue };
        if let Err(error) = registrar.list(liveness) {
            table.remove(stake);
            return Err(JoinError::System(error));
        }
        if let Some(owner) = table.settle_in(stake, registrar.thread_number(), process) {
            return Ok(owner);
        }
        // The slot is another's, whose keeper may have the same number in its own pid namespace.
        registrar.clear();
    }
}

/// Stakes out a free slot, or one of a dead process.
fn stake(table: &Participants<'_>) -> Result<Stake, JoinError> {
    /// Moving in takes a few instructions. Who has not done it by then has died on the way.
    const MOVING_IN: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(5);
    let free = || table.stake().or_else(|| (table.reap() > 0).then(|| table.stake()).flatten());
    if let Some(stake) = free() {
        return Ok(stake);
    }
    let others = table.stakes();
    let begun = Instant::now();
    while !others.is_empty() && begun.elapsed() < MOVING_IN {
        std::thread::sleep(PAUSE);
        if let Some(stake) = free() {
            return Ok(stake);
        }
    }
    for dead in others {
        table.remove(dead);
    }
    free().ok_or(JoinError::TableFull { capacity: table.capacity() })
}
