//! `SlabGuard`: a pool, for several operations of one thread.
#![expect(unsafe_code, reason = "hands out memory and takes it back")]

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::front::InTurn;
use super::slab::Misuse;
use crate::error::AllocError;
use crate::nowhere;
use crate::sys::last_words;

/// A [`SlabPool`](super::pool::SlabPool) that no other thread can use until this is dropped.
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
#[derive(Debug)]
pub struct SlabGuard<'a> {
    turn: InTurn<'a>,
    /// The turn is a thread's.
    bound_to_its_thread: PhantomData<*const ()>,
}

impl<'a> SlabGuard<'a> {
    #[inline]
    pub(super) fn new(turn: InTurn<'a>) -> Self {
        Self { turn, bound_to_its_thread: PhantomData }
    }

    /// Ends, and returns the value.
    #[inline]
    pub(super) fn end_with<T>(self, value: T) -> T {
        self.turn.end_with(value)
    }

    /// Hands out memory for `layout`.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    #[inline]
    pub fn alloc_layout(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        match self.alloc_quickly(layout) {
            Some(memory) => Ok(memory),
            None => self.alloc_slowly(layout),
        }
    }

    /// Hands out memory where that is quick.
    #[inline]
    pub(super) fn alloc_quickly(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let slab = *self.turn.slab();
        let offset = slab.take(layout.size(), layout.align())?;
        slab.done();
        self.turn.pages().at(offset, layout.size())
    }

    #[cold]
    fn alloc_slowly(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nowhere::place_for(layout));
        }
        let slab = self.turn.slab();
        let grant = slab.allocate(layout.size(), layout.align()).ok_or(AllocError)?;
        slab.done();
        self.turn.pages().at(grant.offset, layout.size()).ok_or(AllocError)
    }

    #[cold]
    pub(super) fn alloc_and_unlock(mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc_slowly(layout)
    }

    /// Hands out memory for `layout`, all zero. Memory that was never used is not written to.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn alloc_zeroed(&mut self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nowhere::place_for(layout));
        }
        let slab = self.turn.slab();
        let grant = slab.allocate(layout.size(), layout.align()).ok_or(AllocError)?;
        slab.done();
        let memory = self.turn.pages().at(grant.offset, layout.size()).ok_or(AllocError)?;
        // SAFETY: so many bytes were handed out just now.
        unsafe { memory.write_bytes(0, grant.zero_from.min(layout.size())) };
        Ok(memory)
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
        if !unsafe { self.dealloc_quickly(memory, layout) } {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc_slowly(memory, layout) }
                .unwrap_or_else(|mistake| mistake.abort());
        }
    }

    /// Takes memory back where that is quick; returns whether it was.
    ///
    /// # Safety
    ///
    /// As [`SlabGuard::dealloc`].
    #[inline]
    pub(super) unsafe fn dealloc_quickly(&mut self, memory: NonNull<u8>, layout: Layout) -> bool {
        let offset = self.turn.pages().offset_of(memory);
        self.turn.slab().give(offset, layout.size(), layout.align())
    }

    /// # Safety
    ///
    /// As [`SlabGuard::dealloc`].
    #[cold]
    unsafe fn dealloc_slowly(
        &mut self,
        memory: NonNull<u8>,
        layout: Layout,
    ) -> Result<(), Mistake> {
        if layout.size() == 0 {
            return Ok(());
        }
        let offset = self.turn.pages().offset_of(memory);
        self.turn.slab().free(offset).map_err(|misuse| Mistake { memory, layout, misuse })
    }

    /// # Safety
    ///
    /// As [`SlabGuard::dealloc`].
    #[cold]
    pub(super) unsafe fn dealloc_and_unlock(mut self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        let outcome = unsafe { self.dealloc_slowly(memory, layout) };
        // Who is told of an abort may use the pool.
        drop(self);
        outcome.unwrap_or_else(|mistake| mistake.abort());
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
        let is_aligned = memory.addr().get() % new.align() == 0;
        if old.size() == 0 || new.size() == 0 || !is_aligned {
            return None;
        }
        let offset = self.turn.pages().offset_of(memory);
        match self.turn.slab().resize(offset, new.size()) {
            Ok(grant) => grant.map(|_| memory),
            Err(misuse) => Mistake { memory, layout: old, misuse }.abort(),
        }
    }
}

/// Memory that cannot be given back.
struct Mistake {
    memory: NonNull<u8>,
    layout: Layout,
    misuse: Misuse,
}

impl Mistake {
    #[cold]
    fn abort(self) -> ! {
        let what = match self.misuse {
            Misuse::Outside => "it is not of this pool",
            Misuse::NoBlock => "no block of this pool begins there",
            Misuse::Freed => "it was given back before",
        };
        let (bytes, memory) = (self.layout.size(), self.memory);
        last_words::abort(format_args!("{bytes} bytes at {memory:p} cannot be given back: {what}"))
    }
}
