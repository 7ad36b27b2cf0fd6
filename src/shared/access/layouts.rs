//! Memory of a heap, handed out by its layout.
#![expect(unsafe_code, reason = "declares what takes memory back unsafe")]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::shared_heap::SharedHeap;
use crate::error::AllocError;
use crate::nowhere;
use crate::shared::heap::held::Held;

impl SharedHeap {
    /// Hands out memory for `layout`, as an address that this process alone can use.
    ///
    /// # Errors
    ///
    /// There is no room for it, or it is to be aligned to more than a page.
    #[doc(alias = "ngx_slab_alloc")]
    pub fn alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nowhere::place_for(layout));
        }
        match self.attached.hold_free() {
            Some(held) => held.alloc(layout),
            None => self.alloc_slowly(layout),
        }
    }

    #[cold]
    fn alloc_slowly(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.attached.try_slowly().ok_or(AllocError)?.alloc(layout)
    }

    /// Takes memory back. What is none is left alone.
    ///
    /// # Safety
    ///
    /// 1. `memory` was handed out for `layout` by this very heap, and was not given back since.
    /// 2. Nobody uses it from here on, in no process.
    #[doc(alias = "ngx_slab_free")]
    pub unsafe fn dealloc(&self, memory: NonNull<u8>, layout: Layout) {
        let offset = self.attached.offset_of(memory.addr().get());
        if let Some(handle) = offset.and_then(|offset| self.attached.handle_at(offset)) {
            self.attached.free(handle, layout);
        }
    }
}

impl Held<'_> {
    #[inline]
    fn alloc(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let taken = self.take(layout).ok_or(AllocError)?;
        self.done();
        Ok(taken.memory)
    }
}
