//! `InTurn`: the slab of a pool, for the one whose turn it is, and what is done with it.
#![expect(unsafe_code, reason = "hands out memory and takes it back")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::front::Front;
use super::mistake::Mistake;
use super::slab::Slab;
use crate::error::AllocError;
use crate::nowhere;
use crate::region::Region;
use crate::sync::turn::Taken;

/// The slab, for the one whose turn it is; until this is dropped.
///
/// What is slow takes it by value and ends it, so that what is quick keeps nothing for afterwards.
#[derive(Debug)]
pub(crate) struct InTurn<'a> {
    // They go in this order.
    work: Work<'a>,
    taken: Taken<'a>,
}

/// The slab is dirty, until this is dropped.
#[derive(Debug)]
struct Work<'a> {
    front: &'a Front,
}

impl<'a> InTurn<'a> {
    #[inline]
    pub(super) fn begin(front: &'a Front, taken: Taken<'a>) -> Self {
        front.begin_work();
        Self { work: Work { front }, taken }
    }

    #[inline]
    pub(crate) fn front(&self) -> &'a Front {
        self.work.front
    }

    #[inline]
    pub(crate) fn slab(&self) -> &'a Slab<'static> {
        self.front().slab()
    }

    #[inline]
    fn pages(&self) -> Region {
        self.front().pages()
    }

    /// Ends the turn, and returns the value.
    #[inline]
    pub(crate) fn end_with<T>(self, value: T) -> T {
        let Self { work, taken } = self;
        drop(work);
        taken.end_with(value)
    }

    /// Hands out memory where that is quick.
    #[inline]
    pub(super) fn alloc_quickly(&self, layout: Layout) -> Option<NonNull<u8>> {
        let slab = *self.slab();
        let offset = slab.take(layout.size(), layout.align())?;
        slab.done();
        self.pages().at(offset, layout.size())
    }

    /// Hands out memory, be it quick or not.
    #[cold]
    pub(super) fn alloc_slowly(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout).map(|(memory, _)| memory)
    }

    #[cold]
    pub(super) fn alloc_and_end(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc_slowly(layout)
    }

    /// Hands out memory, all zero.
    pub(super) fn alloc_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let (memory, zero_from) = self.allocate(layout)?;
        // SAFETY: so many bytes were handed out just now.
        unsafe { memory.write_bytes(0, zero_from.min(layout.size())) };
        Ok(memory)
    }

    /// Returns the memory, and from which byte on it is zero.
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<(NonNull<u8>, usize), AllocError> {
        if layout.size() == 0 {
            return Ok((nowhere::place_for(layout), 0));
        }
        let slab = self.slab();
        let grant = slab.allocate(layout.size(), layout.align()).ok_or(AllocError)?;
        slab.done();
        let memory = self.pages().at(grant.offset, layout.size()).ok_or(AllocError)?;
        Ok((memory, grant.zero_from))
    }

    /// Takes memory back where that is quick; returns whether it was.
    ///
    /// # Safety
    ///
    /// As [`SlabPool::dealloc`](super::pool::SlabPool::dealloc).
    #[inline]
    pub(super) unsafe fn dealloc_quickly(&self, memory: NonNull<u8>, layout: Layout) -> bool {
        let offset = self.pages().offset_of(memory);
        self.slab().give(offset, layout.size(), layout.align())
    }

    /// Takes memory back, be it quick or not.
    ///
    /// # Errors
    ///
    /// It is none that could come back, and nothing has changed.
    ///
    /// # Safety
    ///
    /// As [`SlabPool::dealloc`](super::pool::SlabPool::dealloc).
    #[cold]
    pub(super) unsafe fn dealloc_slowly(
        &self,
        memory: NonNull<u8>,
        layout: Layout,
    ) -> Result<(), Mistake> {
        if layout.size() == 0 {
            return Ok(());
        }
        let offset = self.pages().offset_of(memory);
        self.slab().free(offset).map_err(|misuse| Mistake { memory, layout, misuse })
    }

    /// # Safety
    ///
    /// As [`SlabPool::dealloc`](super::pool::SlabPool::dealloc).
    #[cold]
    pub(super) unsafe fn dealloc_and_end(self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        if let Err(mistake) = unsafe { self.dealloc_slowly(memory, layout) } {
            self.abort(mistake);
        }
    }

    /// Ends the turn, as others may be told of the abort, and then the process.
    #[cold]
    pub(super) fn abort(self, mistake: Mistake) -> ! {
        drop(self);
        mistake.abort()
    }

    /// Makes memory larger or smaller where it is; `None` if it has to move, or better would.
    ///
    /// # Errors
    ///
    /// It is none that was handed out, and nothing has changed.
    ///
    /// # Safety
    ///
    /// As [`SlabGuard::resize_in_place`](super::guard::SlabGuard::resize_in_place).
    #[inline]
    pub(super) unsafe fn resize_in_place(
        &self,
        memory: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<Option<NonNull<u8>>, Mistake> {
        let is_aligned = memory.addr().get() % new.align() == 0;
        if old.size() == 0 || new.size() == 0 || !is_aligned {
            return Ok(None);
        }
        let offset = self.pages().offset_of(memory);
        match self.slab().resize(offset, new.size()) {
            Ok(grant) => Ok(grant.map(|_| memory)),
            Err(misuse) => Err(Mistake { memory, layout: old, misuse }),
        }
    }
}

impl Drop for Work<'_> {
    #[inline]
    fn drop(&mut self) {
        self.front.end_work();
    }
}
