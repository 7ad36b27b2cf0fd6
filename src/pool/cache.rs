//! Warm pools for a server's requests.
#![expect(unsafe_code, reason = "takes the pool out of a guard that ends")]

use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::builder::PoolBuilder;
use super::cleanup::go_on_panicking;
use super::pool::Pool;
use super::scope::Scope;

/// Keeps reset pools with their memory, so that a request finds one warm: in the steady state, a
/// request that makes do with half of what [`PoolBuilder::retain`] keeps asks the system for nothing.
///
/// It is `Sync`, for a `static`. It takes a lock for a moment when a pool is taken and when it
/// comes back, and none in between. What it keeps is bounded in pools and in bytes.
///
/// ```
/// use aquifer::{Pool, PoolCache};
///
/// static REQUESTS: PoolCache = PoolCache::new(Pool::builder().name("request").limit(1 << 20));
///
/// let answer = REQUESTS.scope(|pool| {
///     let path = pool.alloc_str("/index.html")?;
///     Ok::<usize, aquifer::AllocError>(path.len())
/// });
/// assert_eq!(answer, Ok(11));
/// assert_eq!(REQUESTS.pools(), 1);
/// ```
pub struct PoolCache {
    settings: PoolBuilder,
    max_pools: usize,
    max_bytes: usize,
    kept: Mutex<Kept>,
}

struct Kept {
    pools: Vec<Pool>,
    bytes: usize,
}

impl PoolCache {
    /// Creates a cache of pools with these settings. It keeps at most 64 pools and 16 MiB.
    pub const fn new(settings: PoolBuilder) -> Self {
        Self {
            settings,
            max_pools: 64,
            max_bytes: 16 << 20,
            kept: Mutex::new(Kept { pools: Vec::new(), bytes: 0 }),
        }
    }

    /// Sets how many pools are kept at most.
    pub const fn max_pools(mut self, pools: usize) -> Self {
        self.max_pools = pools;
        self
    }

    /// Sets how many bytes all kept pools hold at most. A pool by itself keeps at most what
    /// [`PoolBuilder::retain`] says.
    pub const fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Calls a closure with a scope on a warm pool: one request. When the closure returns or
    /// panics, the scope is rolled back and the pool goes back to the cache.
    ///
    /// # Panics
    /// Where a cleanup of the scope panics, the others run, and then the first panic goes on.
    pub fn scope<'env, F, R>(&self, closure: F) -> R
    where
        F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    {
        self.get().scope(closure)
    }

    /// Takes a warm pool, or a new one where none is kept. It comes back when the guard is
    /// dropped.
    ///
    /// ```
    /// use aquifer::{Pool, PoolCache};
    /// static CACHE: PoolCache = PoolCache::new(Pool::builder());
    ///
    /// let pool = CACHE.get();
    /// std::thread::spawn(move || assert!(pool.alloc(1_u8).is_ok())).join().unwrap();
    /// assert_eq!(CACHE.pools(), 1);
    /// ```
    pub fn get(&self) -> CachedPool<'_> {
        let warm = {
            let mut kept = self.lock();
            let pool = kept.pools.pop();
            kept.bytes -= pool.as_ref().map_or(0, |pool| pool.supply().charged());
            pool
        };
        let pool = warm.unwrap_or_else(|| self.settings.clone().build());
        CachedPool { pool: ManuallyDrop::new(pool), cache: self }
    }

    /// Returns how many pools are kept now.
    pub fn pools(&self) -> usize {
        self.lock().pools.len()
    }

    /// Returns how many bytes the kept pools hold from the system.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Gives the memory of all kept pools back to the system.
    pub fn clear(&self) {
        let pools = {
            let mut kept = self.lock();
            kept.bytes = 0;
            mem::take(&mut kept.pools)
        };
        drop(pools);
    }

    /// Keeps an empty pool, or ends it where the cache is full.
    fn put(&self, pool: Pool) {
        let held = pool.supply().charged();
        let mut kept = self.lock();
        let bytes = kept.bytes.saturating_add(held);
        if kept.pools.len() < self.max_pools && bytes <= self.max_bytes {
            kept.pools.push(pool);
            kept.bytes = bytes;
        } else {
            drop(kept);
            drop(pool);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing under this lock can panic half-way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for PoolCache {
    fn default() -> Self {
        Self::new(Pool::builder())
    }
}

impl fmt::Debug for PoolCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolCache")
            .field("settings", &self.settings)
            .field("max_pools", &self.max_pools)
            .field("max_bytes", &self.max_bytes)
            .field("pools", &self.pools())
            .field("bytes", &self.bytes())
            .finish()
    }
}

/// A pool from a [`PoolCache`], to which it returns, reset, when this guard is dropped.
///
/// It owns the pool, so it can live in a struct and move to another thread.
pub struct CachedPool<'cache> {
    pool: ManuallyDrop<Pool>,
    cache: &'cache PoolCache,
}

impl CachedPool<'_> {
    /// Resets the pool, as [`Pool::reset`] does, and keeps it.
    ///
    /// # Panics
    /// As [`Pool::reset`].
    pub fn reset(&mut self) {
        self.pool.reset();
    }
}

impl Deref for CachedPool<'_> {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for CachedPool<'_> {
    fn drop(&mut self) {
        let payload = self.pool.clear();
        // SAFETY: the guard ends here, and does not use the pool again.
        self.cache.put(unsafe { ManuallyDrop::take(&mut self.pool) });
        go_on_panicking(payload);
    }
}

impl fmt::Debug for CachedPool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CachedPool").field(&*self.pool).finish()
    }
}
