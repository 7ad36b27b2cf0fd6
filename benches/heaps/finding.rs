//! How long it takes to find a value by its name, and a heap by its own.
#![expect(unsafe_code, reason = "detaches heaps")]

use std::collections::HashMap;
use std::hint::black_box;
use std::process;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aquifer::{Backing, SharedHeap};

use super::mapped::Mapped;
use crate::process::Child;
use crate::shared::Shared;
use crate::slabs::effort::Effort;
use crate::slabs::figures::Figures;
use crate::slabs::peers::REGION_BYTES;
use crate::slabs::timing::{self, Contender};

/// The nanoseconds that it takes to find a root, by the number of roots that there are.
#[derive(Debug)]
pub(crate) struct Looks {
    pub(crate) by_count: [(usize, f64); 3],
}

/// Finds roots, and prints the medians.
pub(crate) fn look_up(effort: &Effort) -> Looks {
    println!("\nA `u64` found by a name of 20 bytes: nanoseconds, medians of turns in turn\n");
    println!("| names | root of a heap | std's `HashMap` in a `Mutex` |\n|---|---|---|");
    let by_count = [1, 10, 100].map(|count| {
        let heap = Mapped::create(1 << 20);
        let names: Vec<String> =
            (0..count).map(|number| format!("a name of 20 by {number:04}")).collect();
        let mut map = HashMap::new();
        for (name, number) in names.iter().zip(0..) {
            heap.root_or_insert_with(name, || number).expect("there is room");
            map.insert(name.clone(), number);
        }
        let map = Mutex::new(map);
        let root = |name: &str| *heap.root::<u64>(name).expect("it is there");
        let value = |name: &str| map.lock().expect("nothing has panicked")[name];
        let contenders = [looks(effort, &names, root), looks(effort, &names, value)];
        let [root, value] = timing::medians(contenders, effort.turns);
        println!("| {count} | {root:.1} | {value:.1} |");
        (count, root)
    });
    Looks { by_count }
}

fn looks<'a>(
    effort: &Effort,
    names: &'a [String],
    look: impl Fn(&str) -> u64 + 'a,
) -> Contender<'a> {
    let operations = effort.operations;
    Box::new(move || {
        let start = Instant::now();
        for name in names.iter().cycle().take(operations) {
            black_box(look(black_box(name)));
        }
        start.elapsed().as_nanos() as f64 / operations as f64
    })
}

/// Nanoseconds of the steps of a process that has just begun.
type Steps = [AtomicU64; 3];

/// Opens a heap by its name in one process after the other, and prints the medians.
pub(crate) fn attach(effort: &Effort) {
    // A smoke test needs no more of /dev/shm than there is anywhere.
    let bytes = if effort.is_smoke() { 1 << 20 } else { REGION_BYTES };
    let name = Name::new();
    // In a process of its own: those forked from this one would have it already.
    let create = || _ = SharedHeap::create(&name.backing, bytes).expect("memory");
    Child::start(create).finish();
    let steps = Shared::new(Steps::default());
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..effort.turns {
        Child::start(|| open(&name.backing, &steps)).finish();
        for (step, times) in steps.iter().zip(&mut times) {
            times.push(step.load(Ordering::Relaxed) as f64 / 1000.0);
        }
    }
    let [first, detach, again] = times.map(|times| times.into_iter().collect::<Figures>().median());
    let mebibytes = bytes >> 20;
    println!("\nA heap of {mebibytes} MiB found by its name: µs, medians of processes\n");
    println!("| opened by a new process | detached | opened once more |\n|---|---|---|");
    println!("| {first:.0} | {detach:.0} | {again:.0} |");
}

/// What each process does.
fn open(backing: &Backing, steps: &Steps) {
    let start = Instant::now();
    let heap = SharedHeap::open(backing).expect("it is there");
    let opened = start.elapsed();
    // SAFETY: nothing in it is used.
    unsafe { heap.detach() };
    let detached = start.elapsed();
    SharedHeap::open(backing).expect("it is there");
    let times = [opened, detached - opened, start.elapsed() - detached];
    for (step, time) in steps.iter().zip(times) {
        step.store(time.as_nanos() as u64, Ordering::Relaxed);
    }
}

/// The name of a heap, until it is dropped.
struct Name {
    backing: Backing,
}

impl Name {
    fn new() -> Self {
        Self { backing: Backing::Posix(format!("/aquifer-bench-{}", process::id())) }
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = SharedHeap::unlink(&self.backing);
    }
}
