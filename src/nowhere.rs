//! The place of values without bytes.
#![expect(unsafe_code, reason = "makes a pointer")]

use core::alloc::Layout;
use core::ptr::{self, NonNull};

/// A well-aligned pointer to no bytes.
pub(crate) fn place_for(layout: Layout) -> NonNull<u8> {
    let address = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is not zero.
    unsafe { NonNull::new_unchecked(address) }
}
