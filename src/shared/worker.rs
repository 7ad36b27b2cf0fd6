//! Forked processes that work in a heap.
#![expect(unsafe_code, reason = "forks")]

use core::sync::atomic::Ordering;
use std::io;
use std::panic::{self, AssertUnwindSafe};

use super::attached::Attached;
use super::heap::SharedHeap;
use crate::sync::join_error::JoinError;
use crate::sync::membership;
use crate::sync::owner::Owner;
use crate::sys::fork::{self, Side};

impl SharedHeap {
    /// The code with which a worker ends whose closure has panicked.
    pub const PANICKED: i32 = 101;
    /// The code with which a worker ends, without a call of its closure, that cannot be a participant of
    /// all heaps in which its parent has found roots: all slots are taken, or the parent has died meanwhile.
    pub const NOT_JOINED: i32 = 102;

    /// Forks a process, in which it calls `work`, and which ends with the code that it returns, or with
    /// [`SharedHeap::PANICKED`] or [`SharedHeap::NOT_JOINED`]. Returns its process id, to be waited for.
    ///
    /// The worker is a participant of its own in each heap in which this process has found roots, and has found
    /// all of these. It ends by `_exit`: what it has inherited is dropped in this
    /// process alone.
    ///
    /// # Errors
    ///
    /// Those of `fork`, and [`JoinError`](crate::JoinError)s of this process.
    ///
    /// # Safety
    ///
    /// 1. What other threads of this process hold at this moment stays so in the worker for ever: a lock of a
    ///    library, a value that is half changed. `work` uses none of that; best is to fork while there
    ///    is one thread. This crate's own locks, pools and heaps can be used.
    /// 2. `work` drops no [`ShmBox`](crate::ShmBox) or other owner of something in a heap that it has
    ///    inherited, and changes nothing by one: both processes have a copy of it, and it is the parent's.
    ///    What it has made itself is its own.
    pub unsafe fn fork_worker(&self, work: impl FnOnce() -> i32) -> io::Result<u32> {
        let has_roots = |attached: &&Attached| attached.has_roots.load(Ordering::Relaxed);
        let heaps = Attached::all().filter(has_roots).map(|attached| Self { attached });
        let joined = heaps.map(|heap| Ok((membership::join(heap.attached.attachment)?, heap)));
        let parents: Vec<(Owner, Self)> =
            joined.collect::<Result<_, JoinError>>().map_err(io::Error::other)?;
        // SAFETY: the caller's promise, and the child does not return.
        match unsafe { fork::fork() }? {
            Side::Parent(pid) => Ok(pid),
            Side::Child => {
                let work = || {
                    let has_joined =
                        parents.iter().all(|(parent, heap)| heap.find_roots_of(*parent));
                    if has_joined { work() } else { Self::NOT_JOINED }
                };
                fork::end(panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Self::PANICKED))
            }
        }
    }
}
