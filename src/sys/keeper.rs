//! A thread that does nothing but live as long as its process: when it dies, the kernel says so.
//!
//! The kernel keeps a *robust list* for each thread. As a thread is taken down, be it by SIGKILL, by
//! the end of the process or by `exec`, the kernel visits the words on its list: to those that hold
//! the thread's own number it sets `FUTEX_OWNER_DIED`, and it wakes one who sleeps on them. A keeper
//! puts one word of shared memory on its list, and so its process's death can be read there by
//! anyone, in whatever pid namespace.
//!
//! The list is of this one thread: those that libc keeps for the other threads are not touched.
#![expect(unsafe_code, reason = "registers a robust list, and shares it with a thread")]

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;

use super::bare_thread::BareThread;
use super::futex::{self, Expected};

/// The thread. It runs until [`Keeper::end`], or for as long as the process.
#[derive(Debug)]
pub(crate) struct Keeper {
    thread: BareThread,
    /// The thread's; it was a box.
    list: NonNull<List>,
}

impl Keeper {
    /// Starts a thread that runs `join` and, if that succeeds, keeps what it has registered.
    ///
    /// # Errors
    ///
    /// The system has no thread to spare. The inner error is that of `join`.
    pub(crate) fn start<R: Send, E: Send>(
        join: impl FnOnce(Registrar<'_>) -> Result<R, E> + Send,
    ) -> io::Result<Result<(Self, R), E>> {
        let list = NonNull::from(Box::leak(Box::new(List::default())));
        // SAFETY: from the box above, which only `free` takes back.
        let shared = unsafe { list.as_ref() };
        let (mut join, mut outcome) = (Some(join), None);
        let mut join = |registrar: Registrar<'_>| {
            outcome = join.take().map(|join| join(registrar));
        };
        let mut birth = Birth { list: shared, join: &mut join };
        // SAFETY: the birth stays until the thread needs it no more, the list until it is gone.
        let started = unsafe { BareThread::start(live, ptr::from_mut(&mut birth).cast()) };
        let thread = started.inspect_err(|_| {
            // SAFETY: there is no thread that could use it.
            unsafe { free(list) };
        })?;
        shared.wait_while(JOINING);
        let keeper = Self { thread, list };
        match outcome.expect("the thread has joined before it says so") {
            Ok(joined) => Ok(Ok((keeper, joined))),
            Err(error) => {
                keeper.end();
                Ok(Err(error))
            }
        }
    }

    /// Ends the thread, as if its process had died; after that, nobody writes to its word.
    pub(crate) fn end(self) {
        // SAFETY: `start` made it of a box, and only the last line frees it.
        unsafe { self.list.as_ref() }.proceed_to(ENDING);
        self.thread.join();
        // SAFETY: the thread is gone.
        unsafe { free(self.list) };
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

/// What the thread begins with. It is gone when the thread has said that it has joined.
struct Birth<'a> {
    list: &'a List,
    join: &'a mut (dyn FnMut(Registrar<'_>) + Send),
}

/// The life of the thread. A panic in it aborts the process.
extern "C" fn live(birth: *mut c_void) -> *mut c_void {
    // SAFETY: `start` passes it, and keeps it until the thread says that it has joined.
    let Birth { list, join } = unsafe { &mut *birth.cast::<Birth<'_>>() };
    // SAFETY: `end` frees the list when this thread is gone.
    let list = unsafe { &*ptr::from_ref(*list) };
    name_this_thread();
    join(Registrar { list });
    list.proceed_to(KEEPING);
    list.wait_while(KEEPING);
    ptr::null_mut()
}

/// # Safety
///
/// The list is one of [`Keeper::start`], and nobody uses it any more.
unsafe fn free(list: NonNull<List>) {
    // SAFETY: it was a box, and the rest is the caller's duty.
    drop(unsafe { Box::from_raw(list.as_ptr()) });
}

/// For people who look at the threads of a process.
fn name_this_thread() {
    // SAFETY: the name ends with a zero, and is copied.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"aquifer keeper".as_ptr()) };
}

/// What the kernel walks: `struct robust_list_head` and the one entry of it.
#[derive(Debug)]
struct List {
    head: UnsafeCell<Head>,
    node: UnsafeCell<*mut Node>,
    /// How far the thread is: [`JOINING`], [`KEEPING`] or [`ENDING`].
    stage: AtomicU32,
}

const JOINING: u32 = 0;
const KEEPING: u32 = 1;
const ENDING: u32 = 2;

// SAFETY: head and node are touched by the keeper's thread alone; the stage is atomic.
unsafe impl Sync for List {}

impl List {
    fn proceed_to(&self, stage: u32) {
        self.stage.store(stage, Ordering::Release);
        futex::wake(&self.stage, 1);
    }

    fn wait_while(&self, stage: u32) {
        while self.stage.load(Ordering::Acquire) == stage {
            futex::wait(Expected { word: &self.stage, value: stage }, None);
        }
    }
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
            stage: AtomicU32::new(JOINING),
        }
    }
}
