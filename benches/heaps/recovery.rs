//! How long it takes to go on after the owner of the heap's lock has died in the middle of an operation.
//!
//! A heap is put in order by reading its tables, whatever the operation was. `SharedHeap::check` has the
//! lock while it does so, too, and a process that does nothing else dies with it.
#![expect(unsafe_code, reason = "frees")]

use std::alloc::Layout;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aquifer::SharedHeap;

use super::mapped::Mapped;
use crate::process::Child;
use crate::shared::Shared;
use crate::slabs::cases::Sizes;
use crate::slabs::effort::Effort;
use crate::slabs::figures::Figures;
use crate::slabs::random::Random;

/// A heap that is to be put in order: its KiB, and what is in it.
#[derive(Clone, Copy, Debug)]
struct Load {
    kibibytes: usize,
    name: &'static str,
    sizes: Sizes,
    /// How many blocks of a thousand are given back when there is no more room.
    given_back: usize,
}

const fn full(mebibytes: usize) -> Load {
    Load { kibibytes: mebibytes << 10, ..SMALL }
}

const fn mixed(mebibytes: usize) -> Load {
    let name = "log-uniform 8 to 2048 B, half given back";
    Load { kibibytes: mebibytes << 10, name, sizes: Sizes::LogUniform, given_back: 500 }
}

/// In which next to nothing is to be put in order: the time is that of finding the owner dead, and of waiting
/// until none of its threads runs.
const SMALL: Load =
    Load { kibibytes: 64, name: "64 B, full", sizes: Sizes::All(64), given_back: 0 };

const LOADS: [Load; 5] = [SMALL, full(64), mixed(64), full(1024), mixed(1024)];

/// Damages heaps, and prints how long they took to be in order; returns how much longer it took for one of
/// 64 MiB than for one of 64 KiB, in nanoseconds: the longest median after a death that is known.
pub(crate) fn measure(effort: &Effort) -> f64 {
    println!("\nFrom an operation that was cut short to the next one's end: µs, medians\n");
    println!("| KiB | blocks | after a known death | from the kill |");
    println!("|---|---|---|---|");
    let is_smoke = effort.turns == 1;
    let loads = LOADS.iter().filter(|load| !is_smoke || load.kibibytes <= MIB_64);
    let times = loads.map(|&load| {
        let heap = Mapped::create(load.kibibytes << 10);
        load.fill(&heap);
        let used = used(&heap);
        let turns = effort.turns.div_ceil(5);
        let [death, kill] = [after_death, after_kill]
            .map(|next| (0..turns).map(|_| next(&heap)).collect::<Figures>().median());
        heap.check().expect("it is in order");
        assert_eq!(self::used(&heap), used, "nothing was lost");
        let [known, killed] = [death, kill].map(|time| time / 1000.0);
        let Load { kibibytes, name, .. } = load;
        println!("| {kibibytes} | {name} | {known:.1} | {killed:.1} |");
        (kibibytes, death)
    });
    let times: Vec<(usize, f64)> = times.collect();
    let longest = |kibibytes| {
        let of_it = times.iter().filter(|(of, _)| *of == kibibytes);
        of_it.map(|(_, time)| *time).fold(0.0, f64::max)
    };
    longest(MIB_64) - longest(SMALL.kibibytes)
}

/// In KiB.
const MIB_64: usize = 64 << 10;

impl Load {
    /// Takes blocks until there are no more, and gives some back.
    fn fill(self, heap: &SharedHeap) {
        let mut random = Random::new();
        let mut given_back = vec![];
        loop {
            let bytes = self.sizes.draw(&mut random);
            let layout = Layout::from_size_align(bytes, 8).expect("small");
            let Ok(block) = heap.alloc_layout(layout) else { break };
            if random.below(1000) < self.given_back || given_back.is_empty() {
                given_back.push((block, layout));
            }
        }
        for (block, layout) in given_back {
            // SAFETY: taken above with this layout.
            unsafe { heap.dealloc(block, layout) };
        }
    }
}

/// How many blocks are handed out.
fn used(heap: &SharedHeap) -> usize {
    heap.stats().classes.iter().map(|class| class.used).sum()
}

/// Nanoseconds until the next operation is done.
fn next(heap: &SharedHeap) -> f64 {
    let start = Instant::now();
    pair(heap);
    start.elapsed().as_nanos() as f64
}

fn pair(heap: &SharedHeap) {
    let layout = Layout::new::<u64>();
    if let Ok(block) = black_box(heap.alloc_layout(layout)) {
        // SAFETY: taken just now with this layout.
        unsafe { heap.dealloc(block, layout) };
    }
}

/// After the death of an owner who is known to be dead.
fn after_death(heap: &SharedHeap) -> f64 {
    let owner = owner(heap);
    drop(owner);
    next(heap)
}

/// From the kill on, and the owner may live for a while.
fn after_kill(heap: &SharedHeap) -> f64 {
    let owner = owner(heap);
    let start = Instant::now();
    owner.kill();
    pair(heap);
    start.elapsed().as_nanos() as f64
}

/// A process that has the lock of the heap.
fn owner(heap: &SharedHeap) -> Child {
    let holds = Shared::new(AtomicBool::new(false));
    let owner = Child::start(|| {
        // It joins.
        pair(heap);
        holds.store(true, Ordering::Release);
        while heap.check().is_ok() {}
    });
    while !holds.load(Ordering::Acquire) {
        thread::sleep(Duration::from_micros(50));
    }
    thread::sleep(Duration::from_millis(1));
    owner
}
