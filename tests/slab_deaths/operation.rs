//! Random operations of an owner who knows what he has.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

use super::state::Live;
use crate::geometry::{Class, PAGE_BYTES};
use crate::slab::slab::Slab;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Allocate {
        bytes: usize,
        align: usize,
    },
    Give {
        offset: usize,
        bytes: usize,
    },
    Free {
        offset: usize,
    },
    Resize {
        offset: usize,
        bytes: usize,
    },
    GiveBackSpare {
        class: Class,
    },
    /// Where nobody has died.
    Recover,
}

impl Operation {
    pub(crate) fn perform(self, slab: Slab<'_>) {
        match self {
            Self::Allocate { bytes, align } => {
                let quick = slab.take(bytes, align);
                let slow = || slab.allocate(bytes, align).map(|grant| grant.offset);
                if quick.or_else(slow).is_some() {
                    slab.done();
                }
            }
            Self::Give { offset, bytes } => {
                if !slab.give(offset, bytes, 1) {
                    slab.free(offset).unwrap();
                }
            }
            Self::Free { offset } => slab.free(offset).unwrap(),
            Self::Resize { offset, bytes } => _ = slab.resize(offset, bytes).unwrap(),
            Self::GiveBackSpare { class } => _ = slab.give_back_spare(class),
            Self::Recover => slab.recover().unwrap(),
        }
    }
}

/// Who wants a few sizes, and now and then more of them than he gives back.
pub(crate) struct Wishes {
    sizes: Vec<usize>,
    /// Of ten operations, so many allocate.
    allocations: u32,
}

impl Wishes {
    pub(crate) fn new(random: &mut TestRng) -> Self {
        /// Classes whose runs have 1, 2, 4 and many blocks, and 1 to 8 pages.
        const COMMON: [usize; 10] = [8, 64, 512, 1024, 2048, 5120, 7168, 12288, 16384, 32768];
        let size = |random: &mut TestRng| match random.random_range(0..4) {
            0 => random.random_range(1..=32768),
            _ => COMMON[random.random_range(0..COMMON.len())],
        };
        let count = if random.random() { 2 } else { 8 };
        Self { sizes: (0..count).map(|_| size(random)).collect(), allocations: 5 }
    }

    /// One that may come next.
    pub(crate) fn next(&mut self, random: &mut TestRng, live: &Live) -> Operation {
        if random.random_ratio(1, 12) {
            self.allocations = [2, 5, 8][random.random_range(0..3)];
        }
        let had = (!live.is_empty()).then(|| live[random.random_range(0..live.len())]);
        let bytes = match random.random_range(0..5) {
            0 => random.random_range(9..20) * PAGE_BYTES,
            _ => self.sizes[random.random_range(0..self.sizes.len())],
        };
        match (random.random_range(0..20), had) {
            (0, _) => Operation::Recover,
            (1..4, _) => Operation::GiveBackSpare { class: self.any_class(random) },
            (4..6, Some((offset, _))) => Operation::Resize { offset, bytes },
            (_, Some((offset, bytes))) if random.random_range(0..10) >= self.allocations => {
                let is_known = random.random();
                if is_known {
                    Operation::Give { offset, bytes }
                } else {
                    Operation::Free { offset }
                }
            }
            _ => {
                let pages = if random.random_ratio(1, 10) { random.random_range(0..4) } else { 0 };
                let align = if pages > 0 { PAGE_BYTES << pages } else { 1 };
                Operation::Allocate { bytes, align }
            }
        }
    }

    fn any_class(&self, random: &mut TestRng) -> Class {
        Class::of(self.sizes[random.random_range(0..self.sizes.len())], 1).expect("one")
    }
}
