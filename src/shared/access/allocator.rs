//! Heaps as allocators for collections.
#![expect(unsafe_code, reason = "implements unsafe traits")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::shared_heap::SharedHeap;
use crate::allocator::{Memory, implement_allocator, move_elsewhere};
use crate::error::AllocError;
use crate::shared::heap::held::Held;

// SAFETY: blocks stay until they are given back, and the heap stays mapped; nothing here unwinds.
unsafe impl Memory for SharedHeap {
    fn reserve(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.alloc_layout(layout)
    }

    fn reserve_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let memory = self.alloc_layout(layout)?;
        // SAFETY: so many bytes were handed out just now.
        unsafe { memory.write_bytes(0, layout.size()) };
        Ok(memory)
    }

    unsafe fn resize(
        &self,
        values: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let (attached, address) = (self.attached, values.addr().get());
        let may_stay = old.size() > 0 && new.size() > 0 && address % new.align() == 0;
        if let Some(offset) = attached.offset_of(address).filter(|_| may_stay) {
            let block = offset.wrapping_sub(attached.pages_start);
            let resize = |held: Held<'_>| held.attached().slab.resize(block, new.size());
            if let Ok(Ok(Some(_))) = attached.hold().map(resize) {
                return Ok(values);
            }
        }
        // SAFETY: the caller's promise.
        let moved = unsafe { move_elsewhere(self, values, old, new) };
        // What is to be smaller may as well be as it is.
        if may_stay && new.size() <= old.size() { moved.or(Ok(values)) } else { moved }
    }

    unsafe fn dealloc(&self, values: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.dealloc(values, layout) }
    }
}

#[cfg(feature = "allocator-api2")]
implement_allocator!(allocator_api2::alloc, &SharedHeap, SharedHeap);
#[cfg(feature = "allocator-api2-04")]
implement_allocator!(allocator_api2_04::alloc, &SharedHeap, SharedHeap);
#[cfg(feature = "nightly")]
implement_allocator!(core::alloc, &SharedHeap, SharedHeap);
