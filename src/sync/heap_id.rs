//! `HeapId`: a piece of shared memory, by a number that all its participants use.
#![forbid(unsafe_code)]

/// A heap, by a number below [`HeapId::COUNT`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct HeapId(u32);

impl HeapId {
    /// How many heaps a process can know.
    pub(crate) const COUNT: usize = 1 << 20;

    /// Of larger numbers the low 20 bits count.
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Below [`HeapId::COUNT`], whatever bits were found in shared memory.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize % Self::COUNT
    }
}
