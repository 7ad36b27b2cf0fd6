//! The allocators that are compared, behind one face.
#![expect(unsafe_code, reason = "allocates and frees")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use aquifer::{SlabGuard, SlabPool};
use mimalloc::MiMalloc;
use talc::TalcLock;
use talc::source::Manual;

/// The region that each has.
pub(crate) const REGION_BYTES: usize = 64 << 20;

/// Hands memory out, and takes it back.
pub(crate) trait Heap {
    type Block;

    fn take(&mut self, layout: Layout) -> Option<Self::Block>;

    /// # Safety
    ///
    /// It is from `take` with this layout, and is given back once.
    unsafe fn give(&mut self, block: Self::Block, layout: Layout);
}

impl Heap for &SlabPool {
    type Block = NonNull<u8>;

    #[inline]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.alloc_layout(layout).ok()
    }

    #[inline]
    unsafe fn give(&mut self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(memory, layout) };
    }
}

impl Heap for SlabGuard<'_> {
    type Block = NonNull<u8>;

    #[inline]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.alloc_layout(layout).ok()
    }

    #[inline]
    unsafe fn give(&mut self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(memory, layout) };
    }
}

/// An allocator by std's trait.
#[derive(Debug)]
pub(crate) struct ByTrait<A>(pub(crate) A);

impl<A: GlobalAlloc> Heap for ByTrait<A> {
    type Block = NonNull<u8>;

    #[inline]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: no case asks for no bytes.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    #[inline]
    unsafe fn give(&mut self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.0.dealloc(memory.as_ptr(), layout) };
    }
}

pub(crate) fn glibc() -> ByTrait<System> {
    ByTrait(System)
}

pub(crate) fn mimalloc() -> ByTrait<MiMalloc> {
    ByTrait(MiMalloc)
}

pub(crate) type Talc = TalcLock<parking_lot::RawMutex, Manual>;

/// Talc with a region of its own, which is never given back.
pub(crate) fn talc() -> ByTrait<Talc> {
    let talc = Talc::new(Manual);
    let layout = Layout::from_size_align(REGION_BYTES, 4096).expect("not too large");
    // SAFETY: it is not empty.
    let region = unsafe { System.alloc(layout) };
    // SAFETY: allocated above, for nobody else.
    unsafe { talc.lock().claim(region, REGION_BYTES) }.expect("the region is large enough");
    ByTrait(talc)
}
