//! A thread that does nothing but live as long as its process: when it dies, the kernel says so.
//!
//! The kernel keeps a *robust list* for each thread. As a thread is taken down, be it by SIGKILL, by
//! the end of the process or by `exec`, the kernel visits the words on its list: to those that hold
//! the thread's own number it sets `FUTEX_OWNER_DIED`, and it wakes one who sleeps on them. A keeper
//! puts one word of shared memory on its list, and so its process's death can be read there by
//! anyone, in whatever pid namespace.
//!
//! The list is of this one thread: those that libc keeps for the other threads are not touched.
#![expect(unsafe_code, reason = "registers a robust list, and blocks signals")]

use core::cell::UnsafeCell;
use core::mem::{self, MaybeUninit};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::futex::{self, Expected};

/// The thread. It runs until [`Keeper::end`], or for as long as the process.
#[derive(Debug)]
pub(crate) struct Keeper {
    thread: JoinHandle<()>,
    list: Box<List>,
}

impl Keeper {
    /// Starts a thread that runs `join` and, if that succeeds, keeps what it has registered.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare. The inner error is that of `join`.
    pub(crate) fn start<R, E>(
        join: impl FnOnce(Registrar<'_>) -> Result<R, E> + Send + 'static,
    ) -> io::Result<Result<(Self, R), E>>
    where
        R: Send + 'static,
        E: Send + 'static,
    {
        /// Enough to run `join`; what is not touched takes no memory.
        const STACK_BYTES: usize = 128 << 10;
        let list = Box::new(List::default());
        let borrowed = Lent(ptr::from_ref(&*list));
        let (report, outcome) = mpsc::sync_channel(1);
        let body = move || {
            // SAFETY: the box outlives the thread, since it is freed after the thread was joined.
            let list = unsafe { borrowed.get() };
            let result = join(Registrar { list });
            let stays = result.is_ok();
            let _ = report.send(result);
            while stays && list.ends.load(Ordering::Acquire) == 0 {
                futex::wait(Expected { word: &list.ends, value: 0 }, None);
            }
        };
        let builder = thread::Builder::new().name("aquifer keeper".into()).stack_size(STACK_BYTES);
        let thread = without_signals(|| builder.spawn(body))?;
        match outcome.recv() {
            Ok(Ok(joined)) => Ok(Ok((Self { thread, list }, joined))),
            Ok(Err(error)) => {
                let _ = thread.join();
                Ok(Err(error))
            }
            // `join` has panicked, and the panic hook has told of it.
            Err(_) => Err(io::Error::other("the keeper's thread panicked")),
        }
    }

    /// Ends the thread, as if its process had died; after that, nobody writes to its word.
    pub(crate) fn end(self) {
        self.list.ends.store(1, Ordering::Release);
        futex::wake(&self.list.ends, 1);
        let _ = self.thread.join();
    }
}

/// What `join` registers its word with, on the keeper's thread.
#[derive(Debug)]
pub(crate) struct Registrar<'a> {
    list: &'a List,
}

impl Registrar<'_> {
    /// Returns the number by which the kernel knows the keeper's thread: at most 22 bits.
    pub(crate) fn thread_number(&self) -> u32 {
        // SAFETY: the call takes nothing and cannot fail.
        let number = unsafe { libc::gettid() };
        number.unsigned_abs()
    }

    /// Puts `word` on the keeper's list, instead of the one before. From now on, if it holds the
    /// keeper's number when the keeper dies, the kernel marks it.
    ///
    /// # Errors
    ///
    /// The kernel or a filter refuses robust lists.
    pub(crate) fn list(&self, word: &'static AtomicU32) -> io::Result<()> {
        let head = self.list.head.get();
        let node = self.list.node.get();
        let offset = word.as_ptr().addr().wrapping_sub(node.addr()) as isize;
        // SAFETY: the list is this thread's alone, and the kernel reads it when the thread dies.
        unsafe { ptr::write(node, head.cast()) };
        self.begin_with(node.cast(), offset);
        // SAFETY: head and node stay where they are until this thread is gone.
        let result =
            unsafe { libc::syscall(libc::SYS_set_robust_list, head, mem::size_of::<Head>()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Takes the word off the list again: the kernel leaves it alone.
    pub(crate) fn clear(&self) {
        self.begin_with(self.list.head.get().cast(), 0);
    }

    fn begin_with(&self, first: *mut Node, offset: isize) {
        let value = Head { first, offset, pending: ptr::null_mut() };
        // SAFETY: the list is this thread's alone, and the kernel reads it when the thread dies.
        unsafe { ptr::write(self.list.head.get(), value) };
    }
}

/// What the kernel walks: `struct robust_list_head` and the one entry of it.
#[derive(Debug)]
struct List {
    head: UnsafeCell<Head>,
    node: UnsafeCell<*mut Node>,
    /// 1 once the thread is to end.
    ends: AtomicU32,
}

/// `struct robust_list_head`.
#[repr(C)]
#[derive(Debug)]
struct Head {
    first: *mut Node,
    /// The distance from a node to its word, in bytes.
    offset: isize,
    pending: *mut Node,
}

/// `struct robust_list`: a pointer to the next node, or round to the head.
type Node = *mut ();

impl Default for List {
    fn default() -> Self {
        let head = Head { first: ptr::null_mut(), offset: 0, pending: ptr::null_mut() };
        Self {
            head: UnsafeCell::new(head),
            node: UnsafeCell::new(ptr::null_mut()),
            ends: AtomicU32::new(0),
        }
    }
}

/// A list on its way to its thread.
struct Lent(*const List);

// SAFETY: head and node are touched by the keeper's thread alone; `ends` is atomic.
unsafe impl Send for Lent {}

impl Lent {
    /// # Safety
    ///
    /// The list outlives `'a`.
    unsafe fn get<'a>(self) -> &'a List {
        // SAFETY: the caller's duty.
        unsafe { &*self.0 }
    }
}

/// Calls `work` with all signals blocked, so that a thread that it starts has them blocked, too:
/// a handler of the program's must not run there.
fn without_signals<R>(work: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the set has room for what is written to it.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::uninit();
    // SAFETY: `all` was filled above, and `before` has room for what is written to it.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    let result = work();
    // SAFETY: `before` was written by the call above, which cannot fail with these arguments.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    result
}
