//! `Handle`: where a block lies, in any process: which heap, and how far from its start.
#![forbid(unsafe_code)]

use core::fmt;
use core::num::NonZero;

/// The address of a block for all processes. It may lie in private memory or in a heap, and move.
///
/// ```text
///  63            44  43                        0
/// ┌─────────────────┬───────────────────────────┐
/// │ heap, 0 in none │ offset in bytes           │
/// └─────────────────┴───────────────────────────┘
/// ```
///
/// Offset 0, where the head of the heap lies, stands for a block without bytes.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(NonZero<u64>);

impl Handle {
    pub(crate) const OFFSET_BITS: u32 = 44;
    const OFFSET: u64 = (1 << Self::OFFSET_BITS) - 1;
    /// The number of heaps that can be told apart, none of which is 0.
    pub(crate) const HEAPS: u32 = 1 << (64 - Self::OFFSET_BITS);
    /// The most bytes of a heap.
    pub(crate) const MAX_BYTES: u64 = Self::OFFSET;

    /// Makes one; none for heap 0, or a number that is too large.
    #[inline]
    pub(crate) const fn new(heap: u32, offset: usize) -> Option<Self> {
        if heap >= Self::HEAPS || offset as u64 > Self::OFFSET {
            return None;
        }
        match NonZero::new(Self::tag(heap) | offset as u64) {
            Some(bits) if heap > 0 => Some(Self(bits)),
            _ => None,
        }
    }

    /// That of the first byte of a heap.
    #[inline]
    pub(crate) const fn tag(heap: u32) -> u64 {
        (heap as u64) << Self::OFFSET_BITS
    }

    #[inline]
    pub(crate) const fn bits(self) -> u64 {
        self.0.get()
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Option<Self> {
        match NonZero::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    #[inline]
    pub(crate) const fn heap(self) -> u32 {
        (self.0.get() >> Self::OFFSET_BITS) as u32
    }

    #[inline]
    pub(crate) const fn offset(self) -> usize {
        let offset = self.0.get() & Self::OFFSET;
        // Where addresses are shorter, what is further away is in no heap.
        if offset > usize::MAX as u64 { usize::MAX } else { offset as usize }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} of heap {:#x}", self.offset(), self.heap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_tells_its_heap_and_its_offset() {
        for (heap, offset) in [(1, 0), (1, 8), (Handle::HEAPS - 1, Handle::MAX_BYTES as usize)] {
            let handle = Handle::new(heap, offset).unwrap();
            assert_eq!((handle.heap(), handle.offset()), (heap, offset));
            assert_eq!(Handle::from_bits(handle.bits()), Some(handle));
        }
        assert_eq!(size_of::<Option<Handle>>(), 8);
        for (heap, offset) in [(0, 8), (Handle::HEAPS, 8), (1, Handle::MAX_BYTES as usize + 1)] {
            assert_eq!(Handle::new(heap, offset), None);
        }
    }
}
