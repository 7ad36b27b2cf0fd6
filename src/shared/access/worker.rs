//! Forked processes that work in a heap.
#![expect(unsafe_code, reason = "forks")]

use core::mem;
use core::sync::atomic::Ordering;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitStatus;

use super::shared_heap::SharedHeap;
use crate::shared::heap::attached::Attached;
use crate::sync::join_error::JoinError;
use crate::sync::membership;
use crate::sys::fork::{self, Child, Patience, Side};

/// A process that [`SharedHeap::fork_worker`] has forked.
///
/// As with [`std::process::Child`], to drop this neither ends the process nor waits for it: whoever forgets to
/// wait leaves a zombie.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// Once it is told.
    end: Option<ExitStatus>,
}

impl Worker {
    /// Returns its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.pid()
    }

    /// Waits for its end; returns how it has ended, then and ever after.
    ///
    /// # Errors
    ///
    /// Those of `waitid`: somebody else has waited for it.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(end) = self.learn(Patience::Wait)? {
                return Ok(end);
            }
        }
    }

    /// Returns how it has ended, if it has.
    ///
    /// # Errors
    ///
    /// Those of [`Worker::wait`].
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.learn(Patience::Ask)
    }

    /// Kills it, and nobody else, whoever may have its number by now. What it held is found by who needs it,
    /// or by [`SharedHeap::reap`]. Does nothing if it has ended.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_send_signal`.
    pub fn kill(&mut self) -> io::Result<()> {
        if self.end.is_some() { Ok(()) } else { self.child.kill() }
    }

    fn learn(&mut self, patience: Patience) -> io::Result<Option<ExitStatus>> {
        if self.end.is_none() {
            self.end = self.child.wait(patience)?;
        }
        Ok(self.end)
    }
}

/// The heaps in which this process has found roots, or one that it is forked from.
fn with_roots() -> impl Iterator<Item = &'static Attached> {
    Attached::all().filter(|attached| attached.has_roots.load(Ordering::Relaxed))
}

impl SharedHeap {
    /// The code with which a worker ends whose closure has panicked.
    pub const PANICKED: i32 = 101;
    /// The code with which a worker ends, without a call of its closure, that cannot be a participant of
    /// all heaps in which its parent has found roots: all slots are taken, one is damaged, or the parent has left it
    /// or died meanwhile.
    pub const NOT_JOINED: i32 = 102;

    /// Forks a process, in which it calls `work`, and which ends with the code that it returns, of which the
    /// system tells the lowest 8 bits; or with [`SharedHeap::PANICKED`] or [`SharedHeap::NOT_JOINED`].
    ///
    /// The worker is a participant of its own in each heap in which this process has found roots, and has found
    /// all of these. It ends by `_exit`: what it has inherited is dropped in this process alone. But what `work`
    /// has captured by `move` is dropped in both, as with any closure: in the worker when `work` ends.
    ///
    /// It inherits all descriptors, those that close at an `exec` included. A pipe tells of a death only when
    /// nobody has its other end any more: where workers learn from one that their parent is gone, the first
    /// thing in `work` is to close all ends that are the parent's, those for older workers included. The worker
    /// also has all signal handlers, and the signal mask of the thread that has forked. A lock of std that
    /// another thread held stays locked, for its owner is not there: that of whoever writes a backtrace, for
    /// example, which a panic in `work` would wait for.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    ///
    /// use aquifer::{Backing, SharedHeap};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let hits = heap.root_or_insert_with("hits", || AtomicU64::new(0))?;
    /// let work = || hits.fetch_add(1, Ordering::Relaxed) as i32;
    /// // SAFETY: `work` uses nothing but the heap, and drops nothing.
    /// let mut worker = unsafe { heap.fork_worker(work) }?;
    /// assert!(worker.wait()?.success());
    /// assert_eq!(hits.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `fork`; and [`JoinError`](crate::JoinError)s of this process. And those of `pidfd_open`, which came
    /// with Linux 5.3, and needs a free descriptor: then the worker is killed, which may have begun to work.
    ///
    /// # Safety
    ///
    /// 1. What other threads of this process hold at this moment stays so in the worker for ever: a lock of a
    ///    library, a value that is half changed. `work` uses none of that; best is to fork while there is one thread.
    ///    This crate's own locks, pools and heaps can be used.
    /// 2. `work` drops no [`ShmBox`](crate::ShmBox) or other owner of something in a heap that it has
    ///    inherited, and changes nothing by one: both processes have a copy of it, and it is the parent's.
    ///    What it has made itself is its own.
    /// 3. What `work` reads by such an owner, or by a guard that it has inherited, the parent neither changes nor
    ///    drops until `work` has ended. What is to be read by both for longer is a root.
    pub unsafe fn fork_worker(&self, work: impl FnOnce() -> i32) -> io::Result<Worker> {
        with_roots().try_for_each(Self::join).map_err(io::Error::other)?;
        // SAFETY: the caller's promise, and the child does not return.
        match unsafe { fork::fork() }? {
            Side::Parent(pid) => Ok(Worker { child: Child::of(pid)?, end: None }),
            Side::Child => {
                let work = || {
                    // Asked here: until the fork other threads may have found roots, in whatever heap.
                    let has_joined =
                        with_roots().all(|attached| Self { attached }.find_roots_of_parent());
                    // What `work` has captured is not dropped.
                    if has_joined { work() } else { fork::end(Self::NOT_JOINED) }
                };
                fork::end(panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
                    // To drop it might panic, out of here.
                    mem::forget(panic);
                    Self::PANICKED
                }))
            }
        }
    }

    /// Is a participant from here on, of a heap that stays attached.
    fn join(attached: &'static Attached) -> Result<(), JoinError> {
        let pin = attached.attachment.pin();
        pin.map_or(Ok(()), |_pin| membership::join(attached.attachment).map(drop))
    }

    /// Notes that this process has found what its parent has; returns whether that lives.
    fn find_roots_of_parent(&self) -> bool {
        let parent = self.attached.attachment.predecessor();
        parent.is_some_and(|parent| self.find_roots_of(parent))
    }
}
