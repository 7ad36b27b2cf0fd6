//! Blocks of a heap, taken and given back by one process.

use std::hint::black_box;
use std::time::Instant;

use aquifer::{SharedHeap, ShmBox};

use super::mapped::Mapped;
use crate::slabs::cases::{CASES, Case, Sizes};
use crate::slabs::effort::Effort;
use crate::slabs::peers::{self, REGION_BYTES};
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
        if case.live == 0 && matches!(case.sizes, Sizes::All(64)) {
            pair = with_boxes(case, effort, &heap);
        } else {
            let [raw, talc, glibc, mimalloc] =
                timing::medians(contenders(case, effort, &heap), effort.turns);
            print(case.name, raw, &Peers { talc, glibc, mimalloc });
        }
    }
    pair
}

fn with_boxes(case: Case, effort: &Effort, heap: &SharedHeap) -> OfGlibc {
    let [raw, talc, glibc, mimalloc] = contenders(case, effort, heap);
    let contenders = [raw, boxes(effort, heap), talc, glibc, mimalloc];
    let [raw, boxed, talc, glibc, mimalloc] = timing::medians(contenders, effort.turns);
    let peers = Peers { talc, glibc, mimalloc };
    print(case.name, raw, &peers);
    print("`ShmBox<[u64; 8]>`", boxed, &peers);
    OfGlibc { raw: raw / glibc, boxed: boxed / glibc }
}

fn contenders<'a>(case: Case, effort: &Effort, heap: &'a SharedHeap) -> [Contender<'a>; 4] {
    [
        timing::contender(case, effort, heap),
        timing::contender(case, effort, peers::talc()),
        timing::contender(case, effort, peers::glibc()),
        timing::contender(case, effort, peers::mimalloc()),
    ]
}

fn boxes<'a>(effort: &Effort, heap: &'a SharedHeap) -> Contender<'a> {
    let operations = effort.operations;
    Box::new(move || {
        let start = Instant::now();
        make_boxes(heap, operations);
        start.elapsed().as_nanos() as f64 / operations as f64
    })
}

#[inline(never)]
fn make_boxes(heap: &SharedHeap, count: usize) {
    for number in 0..count as u64 {
        drop(black_box(ShmBox::new_in([number; 8], heap)).expect("there is room"));
    }
}

fn print(name: &str, time: f64, Peers { talc, glibc, mimalloc }: &Peers) {
    println!(
        "| {name} | {time:.1} | {:.2} | {:.2} | {talc:.1} | {glibc:.1} | {mimalloc:.1} |",
        time / talc,
        time / glibc,
    );
}
