//! Random operations against a plain list of what is handed out.

use proptest::prelude::*;

use super::tables::Tables;
use crate::geometry::PAGE_BYTES;
use crate::slab::blocks::Block;
use crate::slab::slab::{Found, Misuse, Slab};

/// What is handed out, and what the pages hold: the number of the block that was there last.
#[derive(Debug)]
struct Oracle {
    live: Vec<Live>,
    /// For each word of the pages, the number of its last owner, or 0.
    words: Vec<u32>,
    numbers: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Live {
    offset: usize,
    bytes: usize,
    number: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Allocate { bytes: usize, align_bits: u32 },
    AllocateMany { bytes: usize, count: usize },
    Free { which: usize },
    Resize { which: usize, bytes: usize },
    Recover,
    Misuse { offset: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = prop_oneof![
        4 => 1_usize..200,
        3 => 1_usize..4000,
        2 => 1_usize..40_000,
        1 => (0_usize..9).prop_map(|pages| pages * PAGE_BYTES),
    ];
    let align_bits = prop_oneof![4 => 0_u32..5, 1 => 0_u32..15];
    let step = prop_oneof![
        10 => (bytes.clone(), align_bits)
            .prop_map(|(bytes, align_bits)| Step::Allocate { bytes, align_bits }),
        1 => (1_usize..40, 1_usize..150)
            .prop_map(|(bytes, count)| Step::AllocateMany { bytes, count }),
        20 => any::<usize>().prop_map(|which| Step::Free { which }),
        3 => (any::<usize>(), bytes).prop_map(|(which, bytes)| Step::Resize { which, bytes }),
        1 => Just(Step::Recover),
        1 => (0_usize..300 * PAGE_BYTES).prop_map(|offset| Step::Misuse { offset }),
    ];
    prop::collection::vec(step, 1..400)
}

impl Oracle {
    fn own(&mut self, offset: usize, bytes: usize, zero_from: usize) {
        assert_eq!(offset % 8, 0);
        let words = &mut self.words[offset / 8..(offset + bytes) / 8];
        assert!(words[zero_from / 8..].iter().all(|&word| word == 0), "said to be zero");
        self.numbers += 1;
        words.fill(self.numbers);
        self.live.push(Live { offset, bytes, number: self.numbers });
    }

    fn disown(&mut self, live: Live) {
        let words = &self.words[live.offset / 8..(live.offset + live.bytes) / 8];
        assert!(words.iter().all(|&word| word == live.number), "{live:?} was overwritten");
        self.live.retain(|other| *other != live);
    }

    fn which(&self, which: usize) -> Option<Live> {
        self.live.get(which % self.live.len().max(1)).copied()
    }

    fn agrees_with(&mut self, slab: Slab<'_>) {
        let mut found = vec![];
        slab.check(|offset, bytes| found.push((offset, bytes))).unwrap();
        self.live.sort();
        let live: Vec<_> = self.live.iter().map(|live| (live.offset, live.bytes)).collect();
        assert_eq!(found, live);
    }

    fn step(&mut self, slab: Slab<'_>, base: usize, step: &Step) {
        match *step {
            Step::Allocate { bytes, align_bits } => {
                let align = 1 << align_bits;
                let Some(grant) = slab.allocate(bytes, align) else { return };
                slab.done();
                assert!(grant.bytes >= bytes && (base * PAGE_BYTES + grant.offset) % align == 0);
                self.own(grant.offset, grant.bytes, grant.zero_from);
            }
            Step::AllocateMany { bytes, count } => {
                for _ in 0..count {
                    let Some(offset) = slab.take(bytes, 8) else { return };
                    slab.done();
                    let Ok(Found::Block(Block { class, .. })) = slab.find(offset) else {
                        slab.free(offset).unwrap();
                        return;
                    };
                    let block = class.plan().block_bytes as usize;
                    self.own(offset, block, block);
                }
            }
            Step::Free { which } => {
                let Some(live) = self.which(which) else { return };
                for inside in [1, live.bytes / 2 + 1, live.bytes - 1] {
                    assert_eq!(slab.free(live.offset + inside), Err(Misuse::NoBlock));
                }
                if !slab.give(live.offset, live.bytes, 8) {
                    slab.free(live.offset).unwrap();
                }
                self.disown(live);
                assert!(matches!(slab.free(live.offset), Err(Misuse::Freed | Misuse::NoBlock)));
                let grown = slab.resize(live.offset, live.bytes);
                assert!(matches!(grown, Err(Misuse::Freed | Misuse::NoBlock)), "{grown:?}");
            }
            Step::Resize { which, bytes } => {
                let Some(live) = self.which(which) else { return };
                let Some(grant) = slab.resize(live.offset, bytes).unwrap() else { return };
                assert!(grant.offset == live.offset && grant.bytes >= bytes);
                self.disown(live);
                let kept = live.bytes.min(grant.bytes);
                let words = live.offset / 8..(live.offset + kept) / 8;
                self.words[words].fill(0);
                self.own(grant.offset, grant.bytes, grant.zero_from.max(kept));
            }
            Step::Recover => slab.recover().unwrap(),
            Step::Misuse { offset } => {
                if !self.live.iter().any(|live| live.offset == offset) {
                    assert!(slab.free(offset).is_err() && slab.resize(offset, 8).is_err());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_do_what_a_plain_list_does(
        steps in steps(),
        pages in prop_oneof![1_usize..8, 8_usize..200],
        base in 0_usize..8,
    ) {
        let tables = Tables::new(pages, base);
        let mut oracle = Oracle { live: vec![], words: vec![0; pages * PAGE_BYTES / 8], numbers: 0 };
        for step in &steps {
            oracle.step(tables.slab(), base, step);
            oracle.agrees_with(tables.slab());
        }
        while let Some(live) = oracle.which(0) {
            tables.slab().free(live.offset).unwrap();
            oracle.disown(live);
        }
        oracle.agrees_with(tables.slab());
        // Nothing is left but empty runs, which are given back when pages are wanted.
        let whole = tables.slab().allocate(pages * PAGE_BYTES, 8).expect("all pages are one run again");
        prop_assert_eq!(whole.offset, 0);
    }
}
