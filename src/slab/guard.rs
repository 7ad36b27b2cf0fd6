//! `SlabGuard`: a pool, for several operations of one thread.
#![expect(unsafe_code, reason = "hands out memory and takes it back")]

use core::alloc::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::in_turn::InTurn;
use super::mistake::Mistake;
use super::whose_turn::WhoseTurn;
use crate::error::AllocError;

/// A [`SlabPool`](super::pool::SlabPool) that no other thread can use until this is dropped.
///
/// In a child that is forked meanwhile the pool is free. A guard that comes with the fork takes it there
/// when it is used, and waits for that if another thread has it.
///
/// ```
/// use core::alloc::Layout;
///
/// let pool = aquifer::SlabPool::new(1 << 20)?;
/// let layout = Layout::new::<[u64; 8]>();
/// let mut guard = pool.lock()?;
/// let block = guard.alloc_layout(layout)?;
/// // SAFETY: it was handed out for this layout just now.
/// unsafe { guard.dealloc(block, layout) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "the pool is free for others as soon as the guard is dropped"]
pub struct SlabGuard<'a> {
    /// Ended with this, by the holder.
    turn: ManuallyDrop<InTurn<'a>>,
    whose: &'a WhoseTurn,
    /// Which guard of the pool this is: of no other in this process, and in no child of it.
    number: u64,
    /// The turn is a thread's.
    bound_to_its_thread: PhantomData<*const ()>,
}

impl<'a> SlabGuard<'a> {
    #[inline]
    pub(super) fn new(turn: InTurn<'a>) -> Self {
        let front = turn.front();
        let (whose, number) = (front.whose_turn(), front.count_guard());
        whose.set_holder(number);
        Self { turn: ManuallyDrop::new(turn), whose, number, bound_to_its_thread: PhantomData }
    }

    #[inline]
    fn has_turn(&self) -> bool {
        self.whose.is_held_by(self.number)
    }

    /// The slab, in this guard's turn; `None` if it is damaged, and the process ends.
    #[inline]
    fn in_turn(&mut self) -> Option<&InTurn<'a>> {
        (self.has_turn() || self.take_turn_anew()).then_some(&self.turn)
    }

    /// This is a child, and the turn was the parent's.
    #[cold]
    fn take_turn_anew(&mut self) -> bool {
        let turn = self.turn.front().take_turn();
        // The guard that was here ends nothing as it goes.
        turn.map(|turn| *self = Self::new(turn)).is_ok()
    }

    #[cold]
    fn abort(&mut self, mistake: Mistake) -> ! {
        // SAFETY: once, as the process ends here.
        unsafe { ManuallyDrop::take(&mut self.turn) }.abort(mistake)
    }

    /// Hands out memory for `layout`.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    #[inline]
    pub fn alloc_layout(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let memory = if self.has_turn() { self.turn.alloc_quickly(layout) } else { None };
        match memory {
            Some(memory) => Ok(memory),
            None => self.alloc_slowly(layout),
        }
    }

    #[cold]
    fn alloc_slowly(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.in_turn().ok_or(AllocError)?.alloc_slowly(layout)
    }

    /// Hands out memory for `layout`, all zero. Whole pages that nobody has ever had are not written to.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn alloc_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.in_turn().ok_or(AllocError)?.alloc_zeroed(layout)
    }

    /// Takes memory back.
    ///
    /// # Safety
    ///
    /// 1. `memory` was handed out for `layout` by this very pool, and was not given back since.
    /// 2. Nobody uses it from here on.
    #[inline]
    pub unsafe fn dealloc(&mut self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        let is_back = self.has_turn() && unsafe { self.turn.dealloc_quickly(memory, layout) };
        if !is_back {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc_slowly(memory, layout) };
        }
    }

    /// # Safety
    ///
    /// As [`SlabGuard::dealloc`].
    #[cold]
    unsafe fn dealloc_slowly(&mut self, memory: NonNull<u8>, layout: Layout) {
        let Some(turn) = self.in_turn() else { return };
        // SAFETY: the caller's promise.
        let outcome = unsafe { turn.dealloc_slowly(memory, layout) };
        outcome.unwrap_or_else(|mistake| self.abort(mistake));
    }

    /// Makes memory larger or smaller where it is; `None` if it has to move, or better would.
    ///
    /// # Safety
    ///
    /// `memory` was handed out for `old` by this very pool, and was not given back since.
    #[inline]
    pub unsafe fn resize_in_place(
        &mut self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        let outcome = unsafe { self.in_turn()?.resize_in_place(memory, old, new) };
        outcome.unwrap_or_else(|mistake| self.abort(mistake))
    }
}

impl Drop for SlabGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has_turn() {
            // SAFETY: once, as nobody has the guard any more.
            unsafe { ManuallyDrop::drop(&mut self.turn) };
        }
    }
}

// All of the tables would be megabytes.
impl fmt::Debug for SlabGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.turn.front().bytes();
        f.debug_struct("SlabGuard").field("bytes", &bytes).finish_non_exhaustive()
    }
}
