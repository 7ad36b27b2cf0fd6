//! The pool itself: its fields, its life from the first block to the last, and its accounts.
#![expect(unsafe_code, reason = "gives blocks back, and is sent between threads")]

use core::cell::Cell;
use core::fmt;
use core::ptr::{self, NonNull};
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::block::Block;
use super::cleanup::{CleanupList, Payload, go_on_panicking};
use super::freed::FreedPieces;
use super::large::LargeList;
use super::settings::Settings;
use super::supply::Supply;

/// A region allocator: allocation moves a cursor, and everything is given back together.
///
/// A pool holds no memory until it is used. Small requests come out of blocks that double in size
/// up to a cap; large ones stand apart and can be freed one by one; a limit, where one is set, is
/// exact. A pool serves one thread at a time: it is `Send` and not `Sync`.
///
/// `&Pool` is an allocator for collections, by the crate's features.
///
/// ```
/// use aquifer::Pool;
/// use allocator_api2::vec::Vec;
///
/// let mut pool = Pool::new();
/// let greeting = pool.alloc_str("hello")?;
/// let mut squares = Vec::new_in(&pool);
/// squares.extend((0..4).map(|n| n * n));
/// assert_eq!((&*greeting, &squares[..]), ("hello", &[0, 1, 4, 9][..]));
/// drop(squares);
/// pool.reset();
/// assert_eq!(pool.stats().used, 0);
/// # Ok::<(), aquifer::AllocError>(())
/// ```
#[doc(alias("ngx_pool_t", "ngx_create_pool", "ngx_destroy_pool", "ngx_pfree"))]
#[repr(C)]
pub struct Pool {
    /// The last used byte: the next value goes behind it. Null, as `end`, where there is no block.
    pub(super) last: Cell<*mut u8>,
    /// Keeps `last` and `end` apart: where both are loaded at once, as aarch64 does with neighbours,
    /// the load cannot be served from the store that moved `last` just before.
    pub(super) large_threshold: usize,
    /// One past the current block.
    pub(super) end: Cell<*mut u8>,
    /// The current block, and behind it the older ones.
    pub(super) block: Cell<Option<Block>>,
    /// Twice the size of the block that came last.
    pub(super) next_block_size: Cell<usize>,
    pub(super) cleanups: CleanupList,
    pub(super) large: LargeList,
    pub(super) freed: FreedPieces,
    source: Source,
}

/// Where a pool gets its blocks.
enum Source {
    Own(Supply),
    /// A scope's pool uses the supply of the pool that it was opened on, which outlives it.
    Shared(NonNull<Supply>),
}

// SAFETY: a pool that can be moved owns its supply, and all that its pointers lead to. What it
// drops itself is `Send`: `alloc_drop` and `defer` demand it. A pool with a shared supply is never
// moved: it lives in a `Scope` on the stack.
unsafe impl Send for Pool {}

impl Pool {
    #[inline]
    pub(super) const fn from_settings(settings: &Settings) -> Self {
        let first = settings.first_block_size;
        Self::with(first, settings.large_threshold, Source::Own(Supply::new(settings)))
    }

    /// Creates the pool of a scope.
    ///
    /// # Safety
    /// The pool `self` neither moves nor ends while the new one lives.
    pub(super) unsafe fn child(&self) -> Self {
        let supply = self.supply();
        let source = Source::Shared(NonNull::from(supply));
        Self::with(supply.first_block_size(), self.large_threshold, source)
    }

    #[inline]
    const fn with(first_block_size: usize, large_threshold: usize, source: Source) -> Self {
        Self {
            last: Cell::new(ptr::null_mut()),
            large_threshold,
            end: Cell::new(ptr::null_mut()),
            block: Cell::new(None),
            next_block_size: Cell::new(first_block_size),
            cleanups: CleanupList::new(),
            large: LargeList::new(),
            freed: FreedPieces::new(),
            source,
        }
    }

    pub(super) fn supply(&self) -> &Supply {
        match &self.source {
            Source::Own(supply) => supply,
            // SAFETY: `child`'s caller keeps the supply alive and in its place.
            Source::Shared(supply) => unsafe { supply.as_ref() },
        }
    }

    /// Ends everything that lies in the pool: runs the cleanups, newest first, frees the large
    /// allocations, and keeps blocks of at most the [retained bytes](crate::PoolBuilder::retain) for what
    /// comes next. The rest goes back to the system.
    ///
    /// # Panics
    /// Where a cleanup panics, the others run, the pool is reset, and then the first panic goes on.
    ///
    /// ```
    /// let mut pool = aquifer::Pool::builder().retain(8 << 10).build();
    /// for _ in 0..100 {
    ///     pool.alloc_slice_fill_with(1000, |n| n)?;
    /// }
    /// pool.reset();
    /// assert!(pool.stats().charged <= 8 << 10);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    #[doc(alias = "ngx_reset_pool")]
    pub fn reset(&mut self) {
        go_on_panicking(self.clear());
    }

    /// Sets the most bytes that the pool may hold from now on, as [`PoolBuilder::limit`](crate::PoolBuilder::limit) does.
    /// Where it holds more already, nothing is taken away, and the next growth is refused.
    ///
    /// ```
    /// let mut pool = aquifer::Pool::new();
    /// pool.alloc_slice_fill_with(100, |_| 0_u8)?;
    /// pool.set_limit(10);
    /// assert!(pool.alloc_slice_fill_with(100_000, |_| 0_u8).is_err());
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn set_limit(&mut self, bytes: usize) {
        self.supply().set_limit(bytes);
    }

    /// Empties the pool but for the blocks to retain. Returns what the first panicking cleanup
    /// threw.
    pub(super) fn clear(&mut self) -> Option<Payload> {
        let payload = self.end_values();
        self.freed.clear();
        let supply = self.supply();
        let room = supply.retain().saturating_sub(supply.spare_bytes());
        match self.block.get() {
            None => {}
            Some(only) if only.next().is_none() && only.size() <= room => {
                only.clear();
                self.make_current(only);
            }
            Some(_) => self.give_blocks_back(supply.retain()),
        }
        payload
    }

    /// Ends what lies in the pool, and leaves the blocks.
    #[inline]
    fn end_values(&self) -> Option<Payload> {
        let payload = self.cleanups.run_all(self);
        // SAFETY: whoever calls owns the pool or its scope's last handle: no borrow of the
        // pool is left, hence none of what it handed out.
        unsafe { self.large.free_all(self.supply()) };
        payload
    }

    /// Gives all blocks back to the supply, which keeps those of up to `most` bytes, as far as
    /// they are to be retained.
    #[inline(never)]
    fn give_blocks_back(&self, most: usize) {
        let first = self.block.take();
        self.next_block_size.set(self.supply().first_block_size());
        self.last.set(ptr::null_mut());
        self.end.set(ptr::null_mut());
        // SAFETY: the blocks are out of the pool's list, and `end_values` came before.
        unsafe { self.supply().put_all(first, most) };
    }

    /// Bumps in `block` from here on, where it was left.
    pub(super) fn make_current(&self, block: Block) {
        self.block.set(Some(block));
        self.last.set(block.cursor().as_ptr().wrapping_sub(1));
        self.end.set(block.end().as_ptr());
    }

    /// Saves how far the current block is used in the block itself.
    pub(super) fn save_cursor(&self, current: Block) {
        let cursor = self.last.get().wrapping_add(1);
        // SAFETY: where there is a current block, `last` is in it or the byte in front of its
        // values, and not null.
        current.set_cursor(unsafe { NonNull::new_unchecked(cursor) });
    }

    /// Makes an address in the current block the place of the next value. What may be reached from
    /// there stays the whole block, however little the pointer of who gave memory back may reach.
    #[inline(always)]
    pub(super) fn set_cursor(&self, address: usize) {
        self.last.set(self.last.get().with_addr(address.wrapping_sub(1)));
    }
}

/// A block and those behind it.
pub(super) fn blocks(first: Option<Block>) -> impl Iterator<Item = Block> {
    core::iter::successors(first, |block| block.next())
}

impl Drop for Pool {
    /// Runs the cleanups, newest first, then frees the memory. The first panic of a cleanup goes
    /// on when that is done, unless the thread is panicking already.
    fn drop(&mut self) {
        #[cfg(feature = "log")]
        let accounts = matches!(self.source, Source::Own(_)).then(|| self.stats());
        let payload = self.end_values();
        if matches!(self.source, Source::Shared(_)) {
            // The other half is for the pool below, and for other scopes.
            self.give_blocks_back(self.supply().retain() / 2);
        }
        while let Some(block) = self.block.get() {
            self.block.set(block.next());
            // SAFETY: the block is out of the list, and `end_values` came before. A supply that
            // ends with the pool need not be told.
            unsafe { block.release() };
        }
        #[cfg(feature = "log")]
        if let Some(accounts) = accounts {
            log::debug!(target: "aquifer", "closed pool {:?}: {accounts:?}", self.supply().name());
        }
        go_on_panicking(payload);
    }
}

/// A pool is whole after a panic: what was being made is taken back.
impl RefUnwindSafe for Pool {}

/// A pool is whole after a panic: what was being made is taken back.
impl UnwindSafe for Pool {}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.supply().name())
            .field("stats", &self.stats())
            .finish()
    }
}
