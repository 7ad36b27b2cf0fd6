//! How long the way from a box to its value is.

use std::hint::black_box;
use std::ops::Deref;
use std::time::Instant;

use aquifer::{SharedHeap, ShmBox, ShmSafe};

use super::mapped::Mapped;
use crate::slabs::effort::Effort;
use crate::slabs::timing::{self, Contender};

const VALUES: usize = 1000;
const NODES: u64 = 10_000;

/// Nanoseconds that a box takes more than an address.
#[derive(Debug)]
pub(crate) struct Costs {
    /// One value of many: while the processor is at work for the others.
    pub(crate) read: f64,
    /// One node of a list: the next is not known before.
    pub(crate) follow: f64,
}

/// A node of a list in a heap.
#[derive(ShmSafe)]
#[repr(C)]
struct ShmNode {
    number: u64,
    next: Option<ShmBox<ShmNode>>,
}

/// The same in the memory of this process.
struct Node {
    number: u64,
    next: Option<Box<Node>>,
}

/// Reads values and follows lists, and prints the medians.
pub(crate) fn measure(effort: &Effort) -> Costs {
    // The heap that a process has attached first is found at once.
    let heap = Mapped::create(4 << 20);
    let second = Mapped::create(4 << 20);
    println!("\nThe way to a value: nanoseconds for each, medians of turns in turn\n");
    println!(
        "| values | `ShmBox` | in the second heap | reference | `Box` |\n|---|---|---|---|---|"
    );
    let [first, other] = [&heap, &second].map(|heap| boxes(heap));
    let references: Vec<&u64> = first.iter().map(|value| &**value).collect();
    let private: Vec<Box<u64>> = (0..VALUES as u64).map(Box::new).collect();
    let contenders = [
        values(effort, &first),
        values(effort, &other),
        values(effort, &references),
        values(effort, &private),
    ];
    let [boxed, second_heap, reference, private] = timing::medians(contenders, effort.turns);
    println!("| {VALUES} summed | {boxed:.2} | {second_heap:.2} | {reference:.2} | {private:.2} |");
    let [first, other] = [&heap, &second].map(|heap| shared_list(heap));
    let private = list();
    let contenders = [
        nodes(effort, || follow_shared(black_box(&first))),
        nodes(effort, || follow_shared(black_box(&other))),
        nodes(effort, || follow(black_box(&private))),
    ];
    let [node, second_heap, private] = timing::medians(contenders, effort.turns);
    println!("| list of {NODES} followed | {node:.2} | {second_heap:.2} | | {private:.2} |");
    Costs { read: boxed - reference, follow: node - private }
}

fn boxes(heap: &SharedHeap) -> Vec<ShmBox<u64>> {
    let make = |number| ShmBox::new_in(number, heap).expect("there is room");
    (0..VALUES as u64).map(make).collect()
}

fn values<'a, P: Deref<Target = u64>>(effort: &Effort, values: &'a [P]) -> Contender<'a> {
    let rounds = effort.operations / 100;
    Box::new(move || {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(sum(black_box(values)));
        }
        start.elapsed().as_nanos() as f64 / (rounds * VALUES) as f64
    })
}

#[inline(never)]
fn sum<P: Deref<Target = u64>>(values: &[P]) -> u64 {
    values.iter().map(|value| **value).sum()
}

/// The last node is made first, so that the list leads down.
fn shared_list(heap: &SharedHeap) -> Option<ShmBox<ShmNode>> {
    (0..NODES).fold(None, |next, number| {
        Some(ShmBox::new_in(ShmNode { number, next }, heap).expect("there is room"))
    })
}

fn list() -> Option<Box<Node>> {
    (0..NODES).fold(None, |next, number| Some(Box::new(Node { number, next })))
}

fn nodes<'a>(effort: &Effort, follow: impl Fn() -> u64 + 'a) -> Contender<'a> {
    let rounds = (effort.operations / 2000).max(1);
    Box::new(move || {
        let start = Instant::now();
        for _ in 0..rounds {
            assert_eq!(follow(), NODES * (NODES - 1) / 2);
        }
        start.elapsed().as_nanos() as f64 / (rounds as u64 * NODES) as f64
    })
}

#[inline(never)]
fn follow_shared(list: &Option<ShmBox<ShmNode>>) -> u64 {
    let (mut next, mut sum) = (list, 0);
    while let Some(node) = next {
        let ShmNode { number, next: after } = &**node;
        sum += number;
        next = after;
    }
    sum
}

#[inline(never)]
fn follow(list: &Option<Box<Node>>) -> u64 {
    let (mut next, mut sum) = (list, 0);
    while let Some(node) = next {
        sum += node.number;
        next = &node.next;
    }
    sum
}
