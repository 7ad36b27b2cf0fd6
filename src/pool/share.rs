//! What a request takes of a block, and which requests stay out of blocks.
#![expect(unsafe_code, reason = "makes a layout whose parts are known to fit")]

use core::alloc::Layout;

use super::piece::GRAIN;
use super::pool::Pool;

/// What a request that may come back takes of a block: its size, rounded up to its alignment and to
/// whole grains, and its alignment, which is a grain's at least. So freed neighbours touch.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// The alignment less one.
    pub(super) mask: usize,
    /// The bytes less one. Of an empty layout it wraps round and is above every threshold.
    pub(super) last: usize,
}

impl Share {
    #[inline(always)]
    pub(super) fn of(layout: Layout) -> Self {
        let mask = (layout.align() - 1) | (GRAIN - 1);
        Self { mask, last: layout.size().wrapping_sub(1) | mask }
    }

    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        self.last.wrapping_add(1)
    }

    /// Of a small request.
    pub(super) fn layout(self) -> Layout {
        let align = self.mask.wrapping_add(1);
        // SAFETY: the alignment is the greater of two powers of two, and a small request's bytes
        // are a multiple of it and far below `isize::MAX`.
        unsafe { Layout::from_size_align_unchecked(self.bytes(), align) }
    }
}

impl Pool {
    /// Whether a request is neither empty nor large: one comparison. It depends on the layout alone,
    /// so that the home of memory is known when it comes back.
    #[inline(always)]
    pub(super) fn is_small(&self, share: Share) -> bool {
        share.last < self.large_threshold
    }

    pub(super) fn is_large(&self, layout: Layout) -> bool {
        layout.size() != 0 && !self.is_small(Share::of(layout))
    }
}
