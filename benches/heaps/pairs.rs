//! Blocks of a heap, taken and given back by one process.

use aquifer::SharedHeap;

use super::boxes::Boxes;
use super::mapped::Mapped;
use crate::slabs::cases::{CASES, Case, Sizes};
use crate::slabs::demand::Demand;
use crate::slabs::effort::Effort;
use crate::slabs::peers::{self, REGION_BYTES};
use crate::slabs::random::Random;
use crate::slabs::timing::{self, Contender};

/// The pair of 64 B, beside glibc's.
#[derive(Debug)]
pub(crate) struct OfGlibc {
    pub(crate) raw: f64,
    pub(crate) boxed: f64,
}

/// The times of the peers, in nanoseconds.
struct Peers {
    talc: f64,
    glibc: f64,
    mimalloc: f64,
}

/// Times all cases, and prints the medians.
pub(crate) fn measure(effort: &Effort) -> OfGlibc {
    println!("A block taken and one given back: nanoseconds, medians of turns in turn\n");
    println!("| case | aquifer | of talc | of glibc | talc + lock | glibc | mimalloc |");
    println!("|---|---|---|---|---|---|---|");
    let mut pair = OfGlibc { raw: 0.0, boxed: 0.0 };
    for &case in CASES {
        let heap = Mapped::create(REGION_BYTES);
        let demand = Demand::draw(case, effort.operations, &mut Random::new());
        if case.live == 0 && matches!(case.sizes, Sizes::All(64)) {
            pair = with_boxes(case, effort, &demand, &heap);
        } else {
            let [raw, talc, glibc, mimalloc] =
                timing::medians(contenders(&demand, &heap), effort.turns);
            print(case.name, raw, &Peers { talc, glibc, mimalloc });
        }
    }
    pair
}

fn with_boxes(case: Case, effort: &Effort, demand: &Demand, heap: &SharedHeap) -> OfGlibc {
    let [raw, talc, glibc, mimalloc] = contenders(demand, heap);
    let boxes = timing::contender(demand, Boxes::<8>::of(heap));
    let contenders = [raw, boxes, talc, glibc, mimalloc];
    let [raw, boxed, talc, glibc, mimalloc] = timing::medians(contenders, effort.turns);
    let peers = Peers { talc, glibc, mimalloc };
    print(case.name, raw, &peers);
    print("`ShmBox<[u64; 8]>`", boxed, &peers);
    OfGlibc { raw: raw / glibc, boxed: boxed / glibc }
}

fn contenders<'a>(demand: &'a Demand, heap: &'a SharedHeap) -> [Contender<'a>; 4] {
    [
        timing::contender(demand, heap),
        timing::contender(demand, peers::talc()),
        timing::contender(demand, peers::glibc()),
        timing::contender(demand, peers::mimalloc()),
    ]
}

fn print(name: &str, time: f64, Peers { talc, glibc, mimalloc }: &Peers) {
    println!(
        "| {name} | {time:.1} | {:.2} | {:.2} | {talc:.1} | {glibc:.1} | {mimalloc:.1} |",
        time / talc,
        time / glibc,
    );
}
