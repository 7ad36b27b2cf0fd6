//! Cleanups: values that a pool drops, and closures that it calls, when it is reset or ends.
#![expect(unsafe_code, reason = "keeps values of erased types in the pool's memory")]

use core::alloc::Layout;
use core::any::Any;
use core::cell::Cell;
use core::mem;
use core::ptr::NonNull;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

use super::pool::Pool;

/// What a panicking cleanup threw.
pub(super) type Payload = Box<dyn Any + Send>;

/// Goes on with the panic of a cleanup, once everything else is done. Where the thread is panicking
/// already, that panic goes on and this one is put aside.
#[inline]
pub(super) fn go_on_panicking(payload: Option<Payload>) {
    if let Some(payload) = payload {
        go_on_with(payload);
    }
}

#[cold]
fn go_on_with(payload: Payload) {
    if thread::panicking() {
        forget_quietly(payload);
    } else {
        panic::resume_unwind(payload);
    }
}

/// The link of a registered cleanup; the value follows it in an [`Entry`].
pub(super) struct Node {
    pub(super) newer: Cell<Option<NonNull<Node>>>,
    pub(super) older: Cell<Option<NonNull<Node>>>,
    pub(super) kind: &'static Kind,
}

/// What can be done with the value of a node.
pub(super) struct Kind {
    /// Does what was registered. The value is gone afterwards.
    pub(super) run: unsafe fn(NonNull<Node>, &Pool),
    /// Drops the value and does nothing else.
    pub(super) discard: unsafe fn(NonNull<Node>),
    pub(super) layout: Layout,
}

#[repr(C)]
pub(super) struct Entry<T> {
    pub(super) node: Node,
    pub(super) value: T,
}

/// The cleanups of one pool, newest first.
pub(super) struct CleanupList {
    newest: Cell<Option<NonNull<Node>>>,
}

impl CleanupList {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { newest: Cell::new(None) }
    }

    /// Runs every cleanup, newest first, those included that are registered meanwhile. Returns
    /// what the first panicking one threw.
    #[inline]
    pub(super) fn run_all(&self, pool: &Pool) -> Option<Payload> {
        if self.newest.get().is_some() { self.run_each(pool) } else { None }
    }

    #[cold]
    fn run_each(&self, pool: &Pool) -> Option<Payload> {
        let mut first = None;
        while let Some(node) = self.newest.get() {
            // SAFETY: it is in the list.
            unsafe { self.unlink(node) };
            // SAFETY: it was in the list, so its value is there; nobody else will find it.
            let run = AssertUnwindSafe(|| unsafe { (kind(node).run)(node, pool) });
            if let Err(payload) = panic::catch_unwind(run) {
                match first {
                    None => first = Some(payload),
                    Some(_) => forget_quietly(payload),
                }
            }
        }
        first
    }

    /// Puts a node first.
    ///
    /// # Safety
    /// The node is written, and stays in its place until it is unlinked.
    pub(super) unsafe fn link(&self, node: NonNull<Node>) {
        let older = self.newest.replace(Some(node));
        // SAFETY: the caller's promise.
        unsafe { node.as_ref() }.older.set(older);
        if let Some(older) = older {
            // SAFETY: it is in the list.
            unsafe { older.as_ref() }.newer.set(Some(node));
        }
    }

    /// Takes a node out.
    ///
    /// # Safety
    /// The node is in this list.
    pub(super) unsafe fn unlink(&self, node: NonNull<Node>) {
        // SAFETY: the caller's promise.
        let this = unsafe { node.as_ref() };
        let (newer, older) = (this.newer.get(), this.older.get());
        if let Some(older) = older {
            // SAFETY: a neighbour in the list.
            unsafe { older.as_ref() }.newer.set(newer);
        }
        match newer {
            // SAFETY: a neighbour in the list.
            Some(newer) => unsafe { newer.as_ref() }.older.set(older),
            None => self.newest.set(older),
        }
    }
}

/// Drops what a later cleanup threw, and what that drop throws, and so on. Where there is no end to
/// it, the last one is leaked.
fn forget_quietly(payload: Payload) {
    let mut thrown = Some(payload);
    for _ in 0..8 {
        let Some(payload) = thrown.take() else { return };
        thrown = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))).err();
    }
    mem::forget(thrown);
}

/// The kind of a node in or just out of a list.
pub(super) fn kind(node: NonNull<Node>) -> &'static Kind {
    // SAFETY: only called for nodes that `register` wrote; their memory stays until the pool
    // is emptied.
    unsafe { node.as_ref() }.kind
}

impl<T> Entry<T> {
    pub(super) const DROP: &'static Kind = &Kind {
        run: |node, _| {
            // SAFETY: `register` wrote the value, and the node is run or discarded only once.
            unsafe { Self::value(node).drop_in_place() }
        },
        discard: |node| {
            // SAFETY: as above.
            unsafe { Self::value(node).drop_in_place() }
        },
        layout: Layout::new::<Self>(),
    };

    pub(super) fn value(node: NonNull<Node>) -> NonNull<T> {
        let entry = node.cast::<Self>().as_ptr();
        // SAFETY: the node is the first field of an entry of this type: the kind says so.
        let value = unsafe { &raw mut (*entry).value };
        // SAFETY: a field of something that is not at null.
        unsafe { NonNull::new_unchecked(value) }
    }
}

impl<F: FnOnce(&Pool)> Entry<F> {
    pub(super) const CALL: &'static Kind = &Kind {
        run: |node, pool| {
            // SAFETY: `register` wrote the closure, and the node is run or discarded only once.
            let closure = unsafe { Self::value(node).read() };
            closure(pool);
        },
        ..*Self::DROP
    };
}
