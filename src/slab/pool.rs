//! `SlabPool`: memory of a fixed size, for code that frees in any order.
#![expect(unsafe_code, reason = "hands out memory and takes it back")]

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use super::damage::SlabDamage;
use super::front::Front;
use super::guard::SlabGuard;
use super::in_turn::InTurn;
use super::lazy_front::LazyFront;
use super::region_error::RegionError;
use super::stats::SlabStats;
use crate::allocator;
use crate::error::AllocError;

/// A pool of a fixed size, from which any thread allocates and to which any thread gives back, in any
/// order.
///
/// Small requests share pages by size class, larger ones take whole pages; pages that are free again
/// join their neighbours. A request that finds no room is refused, and nothing else: the pool never
/// asks the system for more.
///
/// As an [`Allocator`](allocator_api2::alloc::Allocator) for collections it is borrowed: `&SlabPool`.
/// As the `#[global_allocator]` it is a `static` made by [`SlabPool::const_new`].
///
/// Giving back, or resizing, a block that is free already, or an address where none begins, ends the
/// process with a line that tells the address. It cannot be told that a block was given back before if it
/// was handed out again since, and neither a wrong layout for a block that is handed out nor memory of no
/// bytes is looked at. No list and no count lies in the blocks: writing into memory that was given back
/// harms others who have it, and not the pool.
///
/// After a `fork` the child has a pool of its own with the same contents, whatever other threads of
/// its parent were doing.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use aquifer::SlabPool;
///
/// let pool = SlabPool::new(1 << 20)?;
/// let mut numbers = Vec::new_in(&pool);
/// numbers.extend(0..1000_u32);
/// assert_eq!(numbers.iter().sum::<u32>(), 499_500);
/// assert!(Vec::<u8, _>::new_in(&pool).try_reserve(2 << 20).is_err());
/// # Ok::<(), aquifer::RegionError>(())
/// ```
#[doc(alias = "ngx_slab_pool_t")]
pub struct SlabPool {
    front: LazyFront,
}

impl SlabPool {
    /// The fewest bytes of a pool.
    pub const MIN_BYTES: usize = Front::MIN_BYTES;

    /// Makes a pool of `bytes` bytes, its tables included: these take 88 bytes for each page of 4 KiB,
    /// and some 4 KiB. The memory is the system's until it is used.
    ///
    /// # Errors
    ///
    /// [`RegionError::TooSmall`] below [`SlabPool::MIN_BYTES`], and [`RegionError::System`].
    #[doc(alias = "ngx_slab_init")]
    pub fn new(bytes: usize) -> Result<Self, RegionError> {
        if bytes < Self::MIN_BYTES {
            return Err(RegionError::TooSmall { minimum: Self::MIN_BYTES });
        }
        let front = LazyFront::map_now(bytes).map_err(RegionError::System)?;
        Ok(Self { front })
    }

    /// Makes a pool for a `static`, which asks the system for its memory at its first use. If the
    /// system has none, all requests are refused.
    ///
    /// # Panics
    ///
    /// Below [`SlabPool::MIN_BYTES`]: in a `static` that is an error of compilation.
    ///
    /// ```
    /// use aquifer::SlabPool;
    ///
    /// #[global_allocator]
    /// static MEMORY: SlabPool = SlabPool::const_new(64 << 20);
    ///
    /// fn main() {
    ///     let words: Vec<String> = "all of this is in the pool".split(' ').map(String::from).collect();
    ///     assert_eq!(words.len(), 7);
    ///     assert!(MEMORY.stats().classes.iter().any(|class| class.used > 0));
    /// }
    /// ```
    #[must_use]
    pub const fn const_new(bytes: usize) -> Self {
        assert!(bytes >= Self::MIN_BYTES, "a slab pool of less than SlabPool::MIN_BYTES");
        Self { front: LazyFront::new(bytes) }
    }

    /// Takes the pool for several operations: one turn instead of one for each. Other threads wait
    /// until the guard is dropped; this one must not use the pool meanwhile but by the guard.
    ///
    /// # Errors
    ///
    /// The system has no memory for a pool of [`SlabPool::const_new`].
    #[inline]
    #[doc(alias = "ngx_slab_alloc_locked")]
    #[doc(alias = "ngx_slab_free_locked")]
    pub fn lock(&self) -> Result<SlabGuard<'_>, AllocError> {
        self.take_turn().map(SlabGuard::new)
    }

    #[inline]
    fn take_turn(&self) -> Result<InTurn<'_>, AllocError> {
        match self.take_turn_again() {
            Some(turn) => Ok(turn),
            None => self.take_turn_slowly(),
        }
    }

    /// Takes the turn where that is quick.
    #[inline]
    fn take_turn_again(&self) -> Option<InTurn<'_>> {
        self.front.get()?.take_turn_again()
    }

    #[cold]
    fn take_turn_slowly(&self) -> Result<InTurn<'_>, AllocError> {
        let front = self.front.get_or_map().ok_or(AllocError)?;
        front.take_turn().map_err(|_| AllocError)
    }

    /// Hands out memory for `layout`.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    #[inline]
    #[doc(alias = "ngx_slab_alloc")]
    pub fn alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let Some(turn) = self.take_turn_again() else { return self.alloc_slowly(layout) };
        match turn.alloc_quickly(layout) {
            Some(memory) => turn.end_with(Ok(memory)),
            None => turn.alloc_and_end(layout),
        }
    }

    #[cold]
    fn alloc_slowly(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.take_turn_slowly()?.alloc_and_end(layout)
    }

    /// Hands out memory for `layout`, all zero. Whole pages that nobody has ever had are not written to.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    #[inline]
    #[doc(alias = "ngx_slab_calloc")]
    pub fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.take_turn()?.alloc_zeroed(layout)
    }

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// 1. `memory` was handed out for `layout` by this very pool, and was not given back since.
    /// 2. Nobody uses it from here on.
    #[inline]
    #[doc(alias = "ngx_slab_free")]
    pub unsafe fn dealloc(&self, memory: NonNull<u8>, layout: Layout) {
        let Some(turn) = self.take_turn_again() else {
            // SAFETY: the caller's promise.
            return unsafe { self.dealloc_slowly(memory, layout) };
        };
        // SAFETY: the caller's promise.
        if unsafe { turn.dealloc_quickly(memory, layout) } {
            turn.end_with(());
        } else {
            // SAFETY: the caller's promise.
            unsafe { turn.dealloc_and_end(memory, layout) };
        }
    }

    /// # Safety
    ///
    /// As [`SlabPool::dealloc`].
    #[cold]
    unsafe fn dealloc_slowly(&self, memory: NonNull<u8>, layout: Layout) {
        if let Ok(turn) = self.take_turn_slowly() {
            // SAFETY: the caller's promise.
            unsafe { turn.dealloc_and_end(memory, layout) };
        }
    }

    /// Makes memory larger or smaller, in place where it can. On an error it is as it was.
    ///
    /// # Safety
    ///
    /// 1. `memory` was handed out for `old` by this very pool, and was not given back since.
    /// 2. On success only the returned pointer is used from here on.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    #[inline]
    pub unsafe fn resize(
        &self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let turn = self.take_turn()?;
        // SAFETY: the caller's promise.
        match unsafe { turn.resize_in_place(memory, old, new) } {
            Ok(Some(memory)) => return turn.end_with(Ok(memory)),
            Ok(None) => drop(turn),
            Err(mistake) => turn.abort(mistake),
        }
        // Not in turn: others need not wait for the copy.
        // SAFETY: the caller's promise.
        let moved = unsafe { allocator::move_elsewhere(self, memory, old, new) };
        // What is to be smaller may as well be as it is.
        let is_enough = new.size() <= old.size() && new.size() > 0;
        let is_aligned = memory.addr().get() % new.align() == 0;
        if is_enough && is_aligned { moved.or(Ok(memory)) } else { moved }
    }

    /// Returns what is handed out and what is left, by class. Before the first use there are no pages, and
    /// nothing is counted. Others wait while it walks through all runs of pages.
    pub fn stats(&self) -> SlabStats {
        match self.front.get().map(Front::take_turn) {
            Some(Ok(turn)) => SlabStats::of(self.front.bytes(), turn.slab()),
            Some(Err(_)) | None => SlabStats::unused(self.front.bytes()),
        }
    }

    /// Walks through all tables, to find out whether a stray write has hit them: for tests, and for
    /// those who look for such a write. For each MiB it takes 1 to 120 µs, the longer the smaller the
    /// blocks are, and others wait.
    ///
    /// # Errors
    ///
    /// The first thing that is not as every operation leaves it.
    pub fn check(&self) -> Result<(), SlabDamage> {
        let Some(front) = self.front.get() else { return Ok(()) };
        front.take_turn().and_then(|turn| turn.slab().check(|_, _| ())).map_err(SlabDamage)
    }
}

// What it prints would have to wait for a turn.
impl fmt::Debug for SlabPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlabPool").field("bytes", &self.front.bytes()).finish_non_exhaustive()
    }
}
