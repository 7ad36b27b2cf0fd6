//! `HeapDamage`: what no sequence of operations leaves behind: somebody else has written into a heap.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;

use crate::slab::damage::Damage;

/// What is wrong in the tables of a heap, or in its roots.
///
/// Its text names the place. Nothing in the heap is to be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeapDamage(Place);

/// Where something is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// In the tables of pages.
    Slab(Damage),
    /// In the head.
    Head { what: &'static str },
    /// In a participant's slot.
    Slot { slot: u32 },
    /// Where a list of roots begins.
    List { list: usize, what: &'static str },
    /// In the block of a root, so far from the start of the heap.
    Root { offset: usize, what: &'static str },
}

impl HeapDamage {
    pub(crate) const fn head(what: &'static str) -> Self {
        Self(Place::Head { what })
    }

    pub(crate) const fn slot(slot: u32) -> Self {
        Self(Place::Slot { slot })
    }

    pub(super) const fn list(list: usize, what: &'static str) -> Self {
        Self(Place::List { list, what })
    }

    pub(super) const fn root(offset: usize, what: &'static str) -> Self {
        Self(Place::Root { offset, what })
    }
}

impl From<Damage> for HeapDamage {
    fn from(damage: Damage) -> Self {
        Self(Place::Slab(damage))
    }
}

impl fmt::Display for HeapDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody has written into the heap: ")?;
        match self.0 {
            Place::Slab(damage) => damage.fmt(f),
            Place::Head { what } => write!(f, "{what} is wrong in its head"),
            Place::Slot { slot } => write!(f, "the slot of participant {slot} has no state"),
            Place::List { list, what } => write!(f, "{what} is wrong in list {list} of roots"),
            Place::Root { offset, what } => write!(f, "{what} is wrong of the root at {offset:#x}"),
        }
    }
}

impl Error for HeapDamage {}
