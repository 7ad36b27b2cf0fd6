//! `BufferHead`: what the block of a vector begins with.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

/// How many elements there are in a block, and how many have room. That of an empty buffer is in the head of its heap, and is never written to.
///
/// ```text
///  0        8           16, or as T is aligned
/// ┌────────┬───────────┬──────────┬──────────┬───
/// │ length │ capacity  │ element  │ element  │ …
/// └────────┴───────────┴──────────┴──────────┴───
/// ```
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct BufferHead {
    pub(crate) length: AtomicU64,
    pub(crate) capacity: AtomicU64,
}

impl BufferHead {
    /// Whether it is that of a vector without elements and without a block.
    pub(super) fn is_zero(&self) -> bool {
        self.length.load(Ordering::Relaxed) | self.capacity.load(Ordering::Relaxed) == 0
    }
}
