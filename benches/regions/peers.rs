//! The allocators that are compared, behind one face.

#![expect(unsafe_code, clippy::undocumented_unsafe_blocks, reason = "calls allocators by layout")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

/// A region that serves a request and is emptied.
pub(crate) trait Region {
    const NAME: &'static str;

    /// A region whose first block has about so many bytes.
    fn new(first_block: usize) -> Self;
    fn alloc_layout(&mut self, layout: Layout) -> NonNull<u8>;
    fn alloc_16(&mut self, value: [u64; 2]) -> &mut [u64; 2];
    /// Memory that may be given back, as a collection asks for it.
    fn reserve(&mut self, layout: Layout) -> NonNull<u8>;
    /// Gives memory back that was reserved, where that is possible.
    fn dealloc(&mut self, values: NonNull<u8>, layout: Layout);
    fn reset(&mut self);
    /// Bytes held from the system.
    fn bytes_held(&self) -> usize;
}

impl Region for aquifer::Pool {
    const NAME: &'static str = "aquifer";

    fn new(first_block: usize) -> Self {
        Self::builder().first_block_size(first_block).build()
    }

    #[inline(always)]
    fn alloc_layout(&mut self, layout: Layout) -> NonNull<u8> {
        (*self).alloc_layout(layout).unwrap()
    }

    #[inline(always)]
    fn alloc_16(&mut self, value: [u64; 2]) -> &mut [u64; 2] {
        self.alloc(value).unwrap()
    }

    fn reserve(&mut self, layout: Layout) -> NonNull<u8> {
        Allocator::allocate(&&*self, layout).unwrap().cast()
    }

    fn dealloc(&mut self, values: NonNull<u8>, layout: Layout) {
        unsafe { Allocator::deallocate(&&*self, values, layout) }
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn bytes_held(&self) -> usize {
        self.stats().charged
    }
}

impl<const ALIGN: usize> Region for bumpalo::Bump<ALIGN> {
    const NAME: &'static str = if ALIGN == 1 { "bumpalo" } else { "bumpalo<8>" };

    fn new(first_block: usize) -> Self {
        Self::with_min_align_and_capacity(first_block)
    }

    #[inline(always)]
    fn alloc_layout(&mut self, layout: Layout) -> NonNull<u8> {
        (*self).alloc_layout(layout)
    }

    #[inline(always)]
    fn alloc_16(&mut self, value: [u64; 2]) -> &mut [u64; 2] {
        self.alloc(value)
    }

    fn reserve(&mut self, layout: Layout) -> NonNull<u8> {
        Allocator::allocate(&&*self, layout).unwrap().cast()
    }

    fn dealloc(&mut self, values: NonNull<u8>, layout: Layout) {
        unsafe { Allocator::deallocate(&&*self, values, layout) }
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn bytes_held(&self) -> usize {
        self.allocated_bytes()
    }
}

impl Region for bump_scope::Bump {
    const NAME: &'static str = "bump-scope";

    fn new(first_block: usize) -> Self {
        Self::with_size(first_block)
    }

    #[inline(always)]
    fn alloc_layout(&mut self, layout: Layout) -> NonNull<u8> {
        bump_scope::traits::BumpAllocatorTyped::allocate_layout(self, layout)
    }

    #[inline(always)]
    fn alloc_16(&mut self, value: [u64; 2]) -> &mut [u64; 2] {
        self.alloc(value).into_mut()
    }

    fn reserve(&mut self, layout: Layout) -> NonNull<u8> {
        Allocator::allocate(&&*self, layout).unwrap().cast()
    }

    fn dealloc(&mut self, values: NonNull<u8>, layout: Layout) {
        unsafe { Allocator::deallocate(&&*self, values, layout) }
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn bytes_held(&self) -> usize {
        self.stats().size()
    }
}

/// A general allocator in the role of a region: it keeps a list of what it handed out, room for
/// which is made beforehand, and frees it one by one.
pub(crate) struct Heap<A: GlobalAlloc> {
    heap: A,
    live: Vec<(NonNull<u8>, Layout)>,
}

pub(crate) trait Named: GlobalAlloc {
    const NAME: &'static str;
    const THIS: Self;
}

impl Named for System {
    const NAME: &'static str = "std";
    const THIS: Self = System;
}

impl Named for mimalloc::MiMalloc {
    const NAME: &'static str = "mimalloc";
    const THIS: Self = mimalloc::MiMalloc;
}

impl<A: Named> Region for Heap<A> {
    const NAME: &'static str = <A as Named>::NAME;

    fn new(_first_block: usize) -> Self {
        Self { heap: A::THIS, live: Vec::with_capacity(64) }
    }

    #[inline(always)]
    fn alloc_layout(&mut self, layout: Layout) -> NonNull<u8> {
        let values = NonNull::new(unsafe { self.heap.alloc(layout) }).unwrap();
        self.live.push((values, layout));
        values
    }

    #[inline(always)]
    fn alloc_16(&mut self, value: [u64; 2]) -> &mut [u64; 2] {
        let slot = self.alloc_layout(Layout::new::<[u64; 2]>()).cast::<[u64; 2]>();
        unsafe { slot.write(value) };
        unsafe { &mut *slot.as_ptr() }
    }

    fn reserve(&mut self, layout: Layout) -> NonNull<u8> {
        self.alloc_layout(layout)
    }

    fn dealloc(&mut self, values: NonNull<u8>, layout: Layout) {
        self.live.retain(|live| *live != (values, layout));
        unsafe { self.heap.dealloc(values.as_ptr(), layout) };
    }

    fn reset(&mut self) {
        for (values, layout) in self.live.drain(..) {
            unsafe { self.heap.dealloc(values.as_ptr(), layout) };
        }
    }

    fn bytes_held(&self) -> usize {
        self.live.iter().map(|(_, layout)| layout.size()).sum()
    }
}

impl<A: GlobalAlloc> Drop for Heap<A> {
    fn drop(&mut self) {
        for (values, layout) in self.live.drain(..) {
            unsafe { self.heap.dealloc(values.as_ptr(), layout) };
        }
    }
}

/// A general allocator by the trait that collections take.
#[derive(Clone, Copy)]
pub(crate) struct ByTrait<A>(pub(crate) A);

unsafe impl<A: GlobalAlloc> Allocator for ByTrait<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let values = NonNull::new(unsafe { self.0.alloc(layout) });
        let values = values.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(values, layout.size()))
    }

    unsafe fn deallocate(&self, values: NonNull<u8>, layout: Layout) {
        unsafe { self.0.dealloc(values.as_ptr(), layout) }
    }

    unsafe fn grow(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let grown = NonNull::new(unsafe { self.0.realloc(values.as_ptr(), old, new.size()) });
        let grown = grown.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(grown, new.size()))
    }
}
