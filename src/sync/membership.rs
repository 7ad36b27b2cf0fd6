//! Who this process is to others: its slot in the table of each piece of memory that it shares.
//!
//! ```text
//! heap id ──▶ ENTRIES      the owner's bits: what a lock takes, one load away. Wiped in a forked child.
//!        └──▶ ATTACHMENTS  where the table is mapped. A child inherits it with the mapping.
//! ```
#![expect(unsafe_code, reason = "reads memory that a child finds wiped")]

use core::cell::Cell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::io;
use std::time::{Duration, Instant};

use super::heap_id::HeapId;
use super::join_error::JoinError;
use super::owner::Owner;
use super::participants::{Participants, Process, Stake};
use super::primitives::Spin;
use crate::sys::futex::{self, Expected};
use crate::sys::keeper::{Keeper, Registrar};
use crate::sys::{process, wiped};

/// What this process is in a heap; all zero is nothing yet.
#[derive(Debug)]
struct Entry {
    /// The bits of its [`Owner`], or 0.
    owner: AtomicU32,
    /// 1 while a thread of this process joins.
    joining: AtomicU32,
}

/// What this process knows of a heap. A child inherits it, but for the keeper, who is its parent's.
#[derive(Debug)]
struct Attachment {
    table: Participants<'static>,
    /// The keeper of the last process of this line that has joined.
    keeper: AtomicPtr<Keeper>,
}

static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

static ATTACHMENTS: [AtomicPtr<Attachment>; HeapId::COUNT] =
    [const { AtomicPtr::new(ptr::null_mut()) }; HeapId::COUNT];

/// Makes a heap known to this process by its table, which stays mapped. It joins at its first use.
pub(crate) fn attach(heap: HeapId, table: Participants<'static>) {
    let attachment = Attachment { table, keeper: AtomicPtr::new(ptr::null_mut()) };
    let attachment = Box::into_raw(Box::new(attachment));
    // The one before stays: another thread may be reading it.
    ATTACHMENTS[heap.index()].store(attachment, Ordering::Release);
}

/// Returns the table of a heap that this process has attached.
pub(crate) fn participants(heap: HeapId) -> Option<Participants<'static>> {
    attachment(heap).map(|attachment| attachment.table)
}

fn attachment(heap: HeapId) -> Option<&'static Attachment> {
    let attachment = ATTACHMENTS[heap.index()].load(Ordering::Acquire);
    // SAFETY: `attach` has stored it, and it is never freed.
    unsafe { attachment.as_ref() }
}

/// Who a thread is, and in what its process takes part: the way of a lock that is free.
struct Identity {
    /// See [`draw_thread_number`].
    thread: Cell<u32>,
    /// The heap whose entry is below.
    heap: Cell<HeapId>,
    entry: Cell<&'static Entry>,
}

std::thread_local! {
    static IDENTITY: Identity = const {
        Identity { thread: Cell::new(0), heap: Cell::new(HeapId::new(0)), entry: Cell::new(&NOBODY) }
    };
}

/// The entry of a heap of which nothing is known yet.
static NOBODY: Entry = Entry { owner: AtomicU32::new(0), joining: AtomicU32::new(0) };

/// What a thread takes a lock of a heap with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub(crate) owner: Owner,
    /// The thread's number in this process.
    pub(crate) thread: u32,
    entry: &'static Entry,
}

impl Member {
    /// Whether this is still the process that has joined, and not its child with a copy of this.
    #[inline]
    pub(crate) fn is_original(self) -> bool {
        self.entry.owner.load(Ordering::Relaxed) == self.owner.bits()
    }
}

/// Returns who this thread is in a heap, if its process has joined and the thread's last lock was of
/// the same heap.
#[inline]
pub(crate) fn member(heap: HeapId) -> Option<Member> {
    IDENTITY.with(|identity| {
        let entry = identity.entry.get();
        let owner = Owner::from_bits(entry.owner.load(Ordering::Relaxed))?;
        (identity.heap.get() == heap).then(|| Member {
            owner,
            thread: identity.thread.get(),
            entry,
        })
    })
}

/// Returns who this thread is in a heap; its process joins if it has not yet.
///
/// # Errors
///
/// See [`JoinError`].
#[cold]
pub(crate) fn identify(heap: HeapId) -> Result<Member, JoinError> {
    let owner = join(heap)?;
    let entry = at(entries()?, heap);
    IDENTITY.with(|identity| {
        if identity.thread.get() == 0 {
            identity.thread.set(draw_thread_number());
        }
        identity.heap.set(heap);
        identity.entry.set(entry);
        Ok(Member { owner, thread: identity.thread.get(), entry })
    })
}

/// Returns a number that no other thread of this process has, never 0.
fn draw_thread_number() -> u32 {
    static DRAWN: AtomicU32 = AtomicU32::new(0);
    DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_add(1).max(1)
}

/// Returns who this process is in a heap, if it has joined.
fn owner(entry: &Entry) -> Option<Owner> {
    Owner::from_bits(entry.owner.load(Ordering::Acquire))
}

/// Returns who this process is in a heap; it joins if it has not yet.
///
/// # Errors
///
/// See [`JoinError`].
pub(crate) fn join(heap: HeapId) -> Result<Owner, JoinError> {
    let entry = at(entries()?, heap);
    if let Some(owner) = owner(entry) {
        return Ok(owner);
    }
    let Attachment { table, keeper } = attachment(heap).ok_or(JoinError::NotAttached)?;
    let _turn = Turn::take(&entry.joining);
    if let Some(owner) = owner(entry) {
        return Ok(owner);
    }
    Spin::count_processors();
    process::take_part_in_barriers().map_err(JoinError::System)?;
    let (started, owner) =
        Keeper::start(move |registrar| move_in(table, &registrar)).map_err(JoinError::System)??;
    keeper.store(Box::into_raw(Box::new(started)), Ordering::Relaxed);
    entry.owner.store(owner.bits(), Ordering::Release);
    Ok(owner)
}

/// Leaves a heap, as if this process had died.
///
/// # Safety
///
/// No guard of a lock in this heap is alive in this process, and none comes to be meanwhile.
pub(crate) unsafe fn leave(heap: HeapId) {
    let Some(entries) = NonNull::new(ENTRIES.load(Ordering::Acquire)) else { return };
    let entry = at(entries, heap);
    let Some(Attachment { keeper, .. }) = attachment(heap) else { return };
    if entry.owner.swap(0, Ordering::Relaxed) == 0 {
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
fn move_in(table: &Participants<'static>, registrar: &Registrar<'_>) -> Result<Owner, JoinError> {
    let process = Process { pid: std::process::id(), start_seconds: process::start_seconds() };
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

fn entries() -> Result<NonNull<Entry>, JoinError> {
    if let Some(entries) = NonNull::new(ENTRIES.load(Ordering::Acquire)) {
        return Ok(entries);
    }
    let bytes = HeapId::COUNT * size_of::<Entry>();
    let mapped = wiped::map(bytes).map_err(JoinError::System)?.cast::<Entry>();
    let stored = ENTRIES.compare_exchange(
        ptr::null_mut(),
        mapped.as_ptr(),
        Ordering::AcqRel,
        Ordering::Acquire,
    );
    match stored {
        Ok(_) => Ok(mapped),
        Err(others) => {
            // SAFETY: mapped above with this length, and nobody knows of it.
            unsafe { wiped::unmap(mapped.cast(), bytes) };
            NonNull::new(others).ok_or(JoinError::System(io::ErrorKind::OutOfMemory.into()))
        }
    }
}

fn at(entries: NonNull<Entry>, heap: HeapId) -> &'static Entry {
    // SAFETY: `entries` has `HeapId::COUNT` entries, and the index is below.
    let entry = unsafe { entries.add(heap.index()) };
    // SAFETY: mapped for good, zeroed, and all zero is an entry.
    unsafe { entry.as_ref() }
}

/// The turn of one thread of this process to join.
struct Turn<'a> {
    joining: &'a AtomicU32,
}

impl<'a> Turn<'a> {
    fn take(joining: &'a AtomicU32) -> Self {
        while joining.swap(1, Ordering::Acquire) == 1 {
            futex::wait(Expected { word: joining, value: 1 }, None);
        }
        Self { joining }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.joining.store(0, Ordering::Release);
        futex::wake(self.joining, i32::MAX);
    }
}
