//! How long it takes to go on after the owner of the heap's lock has died in the middle of an operation.
//!
//! The dead one has taken blocks and given them back, small ones and whole pages, and is killed at any
//! moment. Only those deaths count that have left the lock taken, which a [`HeapView`] tells.
#![expect(unsafe_code, reason = "frees")]

use std::alloc::Layout;
use std::collections::VecDeque;
use std::hint::black_box;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aquifer::{HeapView, SharedHeap, SlabStats};

use super::mapped::Mapped;
use crate::process::{self, Child};
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

/// Nearly all of the time is that of finding the owner dead, and of waiting until none of its threads
/// runs, here as in the larger ones.
const SMALL: Load =
    Load { kibibytes: 64, name: "64 B, full", sizes: Sizes::All(64), given_back: 0 };

const LOADS: [Load; 5] = [SMALL, full(64), mixed(64), full(1024), mixed(1024)];

/// Kills owners of heaps, and prints how long it took until these were in order; returns the longest median
/// of a heap of 64 MiB after a death that is known, in nanoseconds.
pub(crate) fn measure(effort: &Effort) -> f64 {
    println!("\nFrom an operation that was cut short to the next one's end: µs\n");
    println!("| KiB | blocks | after a known death | the longest | from the kill |");
    println!("|---|---|---|---|---|");
    let loads = LOADS.iter().filter(|load| !effort.is_smoke() || load.kibibytes <= MIB_64);
    let times = loads.map(|&load| {
        let heap = Mapped::create(load.kibibytes << 10);
        let mut user = User::fill(&heap, load);
        // SAFETY: it is used as a heap only.
        let descriptor =
            unsafe { heap.as_fd() }.expect("a memfd").try_clone_to_owned().expect("a descriptor");
        let view = HeapView::from_fd(descriptor).expect("a heap");
        let turns = effort.turns.div_ceil(3);
        let known: Vec<f64> = (0..turns).map(|_| user.after_death(&view)).collect();
        let killed: Figures = (0..turns).map(|_| after_kill(&heap)).collect();
        heap.check().expect("it is in order");
        let longest = known.iter().copied().fold(0.0, f64::max);
        let death = known.into_iter().collect::<Figures>().median();
        let [known, longest, killed] = [death, longest, killed.median()].map(|time| time / 1000.0);
        let Load { kibibytes, name, .. } = load;
        println!("| {kibibytes} | {name} | {known:.1} | {longest:.1} | {killed:.1} |");
        (kibibytes, death)
    });
    let times: Vec<(usize, f64)> = times.collect();
    let of_64 = times.iter().filter(|(kibibytes, _)| *kibibytes == MIB_64);
    of_64.map(|(_, time)| *time).fold(0.0, f64::max)
}

/// In KiB.
const MIB_64: usize = 64 << 10;

/// A block, and what was asked for.
type Block = (NonNull<u8>, Layout);

/// Who fills a heap, and has others use it.
struct User<'a> {
    heap: &'a SharedHeap,
    load: Load,
    random: Random,
    /// Those that stay, until somebody needs the room.
    blocks: Vec<Block>,
}

impl<'a> User<'a> {
    /// So many blocks the dead one has had at most, and they are lost with him.
    const HAD: usize = 8;

    /// Takes blocks until there are no more, and gives some back.
    fn fill(heap: &'a SharedHeap, load: Load) -> Self {
        let mut user = Self { heap, load, random: Random::new(), blocks: vec![] };
        let (mut stay, mut go) = (vec![], vec![]);
        loop {
            let bytes = load.sizes.draw(&mut user.random);
            let Some(block) = user.take(bytes) else { break };
            let goes = user.random.below(1000) < load.given_back;
            if goes { &mut go } else { &mut stay }.push(block);
        }
        user.blocks = stay;
        go.into_iter().for_each(|block| user.give(block));
        user
    }

    fn take(&self, bytes: usize) -> Option<Block> {
        let layout = Layout::from_size_align(bytes, 8).expect("small");
        Some((self.heap.alloc_layout(layout).ok()?, layout))
    }

    fn give(&self, (memory, layout): Block) {
        // SAFETY: taken with this layout, and given back once.
        unsafe { self.heap.dealloc(memory, layout) };
    }

    /// After the death of an owner who is known to be dead, and was in the middle of something.
    fn after_death(&mut self, view: &HeapView) -> f64 {
        loop {
            // In place of those that are lost.
            for _ in 0..Self::HAD {
                let which = self.random.below(self.blocks.len());
                let block = self.blocks.swap_remove(which);
                self.give(block);
            }
            let has_begun = Shared::new(AtomicBool::new(false));
            let owner = Child::start(|| self.work(&has_begun));
            process::until(slice::from_ref(&owner), || has_begun.load(Ordering::Acquire));
            thread::sleep(Duration::from_micros(self.random.below(1000) as u64));
            drop(owner);
            if view.report().expect("a heap").is_interrupted {
                return next(self.heap);
            }
        }
    }

    /// Takes blocks and gives them back, without an end.
    fn work(&mut self, has_begun: &AtomicBool) {
        let mut had = VecDeque::new();
        loop {
            let bytes = match self.random.below(8) {
                0 => 9 * SlabStats::PAGE_BYTES,
                _ => self.load.sizes.draw(&mut self.random),
            };
            let taken = self.take(bytes);
            let is_refused = taken.is_none();
            had.extend(taken);
            if is_refused || had.len() == Self::HAD {
                had.drain(..had.len() / 2).for_each(|block| self.give(block));
            }
            has_begun.store(true, Ordering::Release);
        }
    }
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

/// From the kill on, and the owner may live for a while.
fn after_kill(heap: &SharedHeap) -> f64 {
    let owner = owner(heap);
    let start = Instant::now();
    owner.kill();
    pair(heap);
    start.elapsed().as_nanos() as f64
}

/// A process that has the lock of the heap nearly all the time: it reads its tables.
fn owner(heap: &SharedHeap) -> Child {
    let holds = Shared::new(AtomicBool::new(false));
    let owner = Child::start(|| {
        // It joins.
        pair(heap);
        holds.store(true, Ordering::Release);
        while heap.check().is_ok() {}
    });
    process::until(slice::from_ref(&owner), || holds.load(Ordering::Acquire));
    thread::sleep(Duration::from_millis(1));
    owner
}
