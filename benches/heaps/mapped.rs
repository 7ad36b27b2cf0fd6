//! A heap for the time of a measurement.
#![expect(unsafe_code, reason = "frees, and takes heaps out of the process")]

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use aquifer::{Backing, SharedHeap};

use crate::slabs::peers::Heap;

/// A heap that is taken out of this process when this is dropped, after all that lies in it: the next one
/// is then, as in most processes, the only one.
#[derive(Debug)]
pub(crate) struct Mapped {
    heap: ManuallyDrop<SharedHeap>,
}

impl Mapped {
    pub(crate) fn create(bytes: usize) -> Self {
        let heap = SharedHeap::create(&Backing::Memfd, bytes).expect("the system gives memory");
        Self { heap: ManuallyDrop::new(heap) }
    }
}

impl Deref for Mapped {
    type Target = SharedHeap;

    fn deref(&self) -> &SharedHeap {
        &self.heap
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: taken once, here.
        let heap = unsafe { ManuallyDrop::take(&mut self.heap) };
        // SAFETY: this was borrowed by whatever used the heap, and the measurements leave nothing in it.
        unsafe { heap.detach() };
    }
}

impl Heap for &SharedHeap {
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
