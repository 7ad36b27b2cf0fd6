//! Boxes of a heap, behind the face of the allocators.
#![expect(unsafe_code, reason = "the face asks for it")]

use std::alloc::Layout;

use aquifer::{SharedHeap, ShmBox};

use crate::slabs::peers::Heap;

/// Makes boxes of so many words, whatever is asked for, and writes a number into each word.
#[derive(Debug)]
pub(crate) struct Boxes<'a, const WORDS: usize> {
    heap: &'a SharedHeap,
    number: u64,
}

impl<'a, const WORDS: usize> Boxes<'a, WORDS> {
    pub(crate) fn of(heap: &'a SharedHeap) -> Self {
        Self { heap, number: 0 }
    }
}

impl<const WORDS: usize> Heap for Boxes<'_, WORDS> {
    type Block = ShmBox<[u64; WORDS]>;

    #[inline]
    fn take(&mut self, _: Layout) -> Option<Self::Block> {
        self.number += 1;
        ShmBox::new_in([self.number; WORDS], self.heap).ok()
    }

    #[inline]
    unsafe fn give(&mut self, boxed: Self::Block, _: Layout) {
        drop(boxed);
    }
}
