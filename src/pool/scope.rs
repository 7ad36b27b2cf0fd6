//! Scopes: pools inside of a pool, for the time of a closure.
#![expect(unsafe_code, reason = "shares the parent's supply, and drops values that borrow")]

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use super::defer::Deferred;
use super::pool::Pool;
use crate::error::InsertError;

/// A pool that lives as long as a closure, as opened by [`Pool::scope`].
///
/// It has blocks of its own, so its parent and the parent's collections stay usable inside of it.
/// It derefs to [`Pool`], so that it goes wherever a `&Pool` does.
///
/// `'env` is the time that what the closure borrows lives at least; `'scope` is the time of the
/// scope itself. They are apart for the same reason as in [`std::thread::Scope`]: what the scope
/// drops may borrow from the outside, and not from the scope.
pub struct Scope<'scope, 'env: 'scope> {
    pool: Pool,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
    /// Its values need not be `Send`, so it stays on its thread.
    thread: PhantomData<*mut ()>,
}

impl Pool {
    /// Calls a closure with a scope, and rolls the scope back when the closure returns or panics:
    /// its cleanups run, and its memory is used again.
    ///
    /// A scope shares the limit of the pool. Nothing of it can leave the closure.
    ///
    /// # Panics
    /// Where a cleanup of the scope panics, the others run, and then the first panic goes on.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let kept = pool.alloc(1_u32)?;
    /// let sum = pool.scope(|scope| {
    ///     let words = scope.alloc_slice_fill_with(1000, |n| n as u32)?;
    ///     *kept += 1;
    ///     Ok::<u32, aquifer::AllocError>(words.iter().sum())
    /// })?;
    /// assert_eq!((*kept, sum), (2, 499_500));
    /// assert_eq!(pool.stats().used, 4);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn scope<'env, F, R>(&self, closure: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        // SAFETY: the child ends in this function, for which `self` is borrowed.
        let pool = unsafe { self.child() };
        let scope = Scope { pool, scope: PhantomData, env: PhantomData, thread: PhantomData };
        closure(&scope)
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Moves a value into the scope, which drops it when it ends. Unlike
    /// [`Pool::alloc_drop`] it takes values that borrow from outside of the scope.
    ///
    /// # Errors
    /// [`InsertError`] with the value in it where there is no memory.
    ///
    /// ```
    /// use std::cell::RefCell;
    /// let pool = aquifer::Pool::new();
    /// let count = RefCell::new(0);
    /// pool.scope(|scope| {
    ///     let guard = scope.alloc_drop(count.borrow_mut())?;
    ///     **guard += 1;
    ///     assert!(count.try_borrow().is_err());
    ///     Ok::<(), aquifer::AllocError>(())
    /// })?;
    /// assert_eq!(*count.borrow(), 1);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[expect(clippy::mut_from_ref, reason = "each call hands out other memory")]
    pub fn alloc_drop<T: 'env>(&'scope self, value: T) -> Result<&'scope mut T, InsertError<T>> {
        // SAFETY: the scope ends on its thread and within `'env`, for which the value's borrows
        // live.
        unsafe { self.pool.own(value) }
    }

    /// Registers a closure that is called with the scope's pool when the scope ends. Unlike
    /// [`Pool::defer`] it takes closures that borrow from outside of the scope.
    ///
    /// # Errors
    /// [`InsertError`] with the closure in it where there is no memory.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// let ended = std::cell::Cell::new(false);
    /// pool.scope(|scope| {
    ///     let _ = scope.defer(|_| ended.set(true))?;
    ///     assert!(!ended.get());
    ///     Ok::<(), aquifer::AllocError>(())
    /// })?;
    /// assert!(ended.get());
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn defer<F>(&'scope self, closure: F) -> Result<Deferred<'scope>, InsertError<F>>
    where
        F: FnOnce(&Pool) + 'env,
    {
        // SAFETY: the scope ends on its thread and within `'env`, for which the closure's borrows
        // live.
        unsafe { self.pool.defer_borrowing(closure) }
    }
}

impl Deref for Scope<'_, '_> {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.pool).finish()
    }
}
