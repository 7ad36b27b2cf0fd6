//! Registering what a pool ends: values that it drops, closures that it calls, and the token of one
//! such closure.
#![expect(unsafe_code, reason = "keeps values of erased types in the pool's memory")]

use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::mem;
use core::ptr::NonNull;

use super::cleanup::{Entry, Kind, Node, kind};
use super::pool::Pool;
use crate::error::InsertError;

impl Pool {
    /// Moves a value into the pool, which drops it at [`reset`](Self::reset) or at its own end.
    ///
    /// Everything that was registered ends exactly once, newest first; a panic in one does not
    /// keep the others from ending. The value must be `Send` and own what it needs, as the pool may
    /// end on another thread; [`Scope::alloc_drop`](crate::Scope::alloc_drop) asks for less.
    ///
    /// # Errors
    /// [`InsertError`] with the value in it where there is no memory.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let pool = aquifer::Pool::new();
    /// let shared = Arc::new(5);
    /// let inside = pool.alloc_drop(Arc::clone(&shared))?;
    /// assert_eq!((**inside, Arc::strong_count(&shared)), (5, 2));
    /// drop(pool);
    /// assert_eq!(Arc::strong_count(&shared), 1);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias("ngx_pool_run_cleanup_file", "ngx_pool_delete_file"))]
    #[expect(clippy::mut_from_ref, reason = "each call hands out other memory")]
    pub fn alloc_drop<T: Send + 'static>(&self, value: T) -> Result<&mut T, InsertError<T>> {
        // SAFETY: the value borrows nothing, so it may be dropped whenever the pool ends.
        unsafe { self.own(value) }
    }

    /// Registers a closure that is called with the pool at [`reset`](Self::reset) or at its end,
    /// in the same order as the values of [`alloc_drop`](Self::alloc_drop).
    ///
    /// The closure may allocate and may register more. The token that is returned can cancel the
    /// closure or call it at once; dropping the token leaves it registered.
    ///
    /// # Errors
    /// [`InsertError`] with the closure in it where there is no memory.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// static OPEN: AtomicU32 = AtomicU32::new(1);
    ///
    /// let mut pool = aquifer::Pool::new();
    /// pool.defer(|_| { OPEN.fetch_sub(1, Relaxed); })?;
    /// pool.reset();
    /// assert_eq!(OPEN.load(Relaxed), 0);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias("ngx_pool_cleanup_add", "ngx_pool_cleanup_t"))]
    pub fn defer<F>(&self, closure: F) -> Result<Deferred<'_>, InsertError<F>>
    where
        F: FnOnce(&Pool) + Send + 'static,
    {
        // SAFETY: the closure borrows nothing, so it may be called whenever the pool ends.
        unsafe { self.defer_borrowing(closure) }
    }

    /// As [`alloc_drop`](Self::alloc_drop), for any value.
    ///
    /// # Safety
    /// The pool is emptied while all that the value borrows is alive, on the thread of this
    /// call unless the value is `Send`.
    #[expect(clippy::mut_from_ref, reason = "each call hands out other memory")]
    pub(super) unsafe fn own<T>(&self, value: T) -> Result<&mut T, InsertError<T>> {
        if !mem::needs_drop::<T>() {
            let Ok(slot) = self.alloc_layout(Layout::new::<T>()) else {
                return Err(InsertError::new(value));
            };
            // SAFETY: fresh memory with the layout of the value.
            unsafe { slot.cast().write(value) };
            // SAFETY: written above, and handed out to nobody else until the pool is emptied.
            return Ok(unsafe { slot.cast().as_mut() });
        }
        let node = self.register(value, Entry::<T>::DROP)?;
        // SAFETY: `register` wrote the value; the node is run only once the pool is emptied, when
        // this borrow has ended.
        Ok(unsafe { Entry::<T>::value(node).as_mut() })
    }

    /// As [`defer`](Self::defer), for any closure.
    ///
    /// # Safety
    /// As [`own`](Self::own).
    pub(super) unsafe fn defer_borrowing<F>(
        &self,
        closure: F,
    ) -> Result<Deferred<'_>, InsertError<F>>
    where
        F: FnOnce(&Pool),
    {
        let node = self.register(closure, Entry::<F>::CALL)?;
        Ok(Deferred { pool: self, node })
    }

    /// Puts a node with its value into the pool and the list, or gives the value back.
    fn register<T>(&self, value: T, kind: &'static Kind) -> Result<NonNull<Node>, InsertError<T>> {
        let Ok(entry) = self.reserve(kind.layout) else {
            return Err(InsertError::new(value));
        };
        let node = Node { newer: Cell::new(None), older: Cell::new(None), kind };
        // SAFETY: fresh memory with the layout of the entry.
        unsafe { entry.cast::<Entry<T>>().write(Entry { node, value }) };
        // SAFETY: written above; the memory is given back only once the node is unlinked.
        unsafe { self.cleanups.link(entry.cast()) };
        Ok(entry.cast())
    }
}

/// A closure that waits in a pool, as registered by [`Pool::defer`] or [`Scope::defer`].
///
/// It borrows the pool, so the closure has neither run nor gone while the token is there. Dropping
/// the token leaves the closure registered.
///
/// [`Scope::defer`]: crate::Scope::defer
#[must_use = "dropping the token leaves the closure registered; say so with `let _ =`"]
pub struct Deferred<'pool> {
    pool: &'pool Pool,
    node: NonNull<Node>,
}

impl Deferred<'_> {
    /// Drops the closure without calling it.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// pool.defer(|_| unreachable!())?.cancel();
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn cancel(self) {
        let _memory = self.unlink();
        // SAFETY: the token was the only way to the node besides the list.
        unsafe { (kind(self.node).discard)(self.node) };
    }

    /// Calls the closure now; it is not called again.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let deferred = pool.defer(move |_| sender.send("done").unwrap())?;
    /// deferred.run_now();
    /// assert_eq!(receiver.try_iter().count(), 1);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn run_now(self) {
        let _memory = self.unlink();
        // SAFETY: the token was the only way to the node besides the list.
        unsafe { (kind(self.node).run)(self.node, self.pool) };
    }

    /// Takes the node out of the list. Its memory goes back when the result is dropped.
    fn unlink(&self) -> Unlinked<'_> {
        // SAFETY: nodes leave the list by a token, of which there is one, or when the pool is
        // emptied, which the token's borrow excludes.
        unsafe { self.pool.cleanups.unlink(self.node) };
        Unlinked(self)
    }
}

/// The memory of a node whose value is about to go, be it by a panic.
struct Unlinked<'token>(&'token Deferred<'token>);

impl Drop for Unlinked<'_> {
    fn drop(&mut self) {
        let Deferred { pool, node } = self.0;
        // SAFETY: reserved with this layout by `register`; the value is gone.
        unsafe { pool.dealloc(node.cast(), kind(*node).layout) };
    }
}

impl fmt::Debug for Deferred<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}
