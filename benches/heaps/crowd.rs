//! Blocks of a heap, taken and given back by several processes at once.
#![expect(unsafe_code, reason = "frees")]

use std::alloc::Layout;
use std::hint;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aquifer::{Backing, SharedHeap};

use super::mapped::Mapped;
use crate::others::{self, Span};
use crate::process::{self, Child};
use crate::shared::Shared;
use crate::slabs::effort::Effort;
use crate::slabs::figures::Figures;
use crate::slabs::peers::{self, Heap, REGION_BYTES};

/// The most processes there are.
const WORKERS: usize = 4;

/// Whose memory a process takes its blocks from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    OneHeap(&'a SharedHeap),
    OwnHeap,
    Glibc,
}

/// The place where they work for a while, in shared memory.
#[derive(Debug, Default)]
struct Stage {
    /// How many are ready.
    ready: AtomicU32,
    /// [`WAIT`], [`GO`] or [`STOP`].
    command: AtomicU32,
    done: [Done; WORKERS],
}

/// What one process has done, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Done {
    pairs: AtomicU64,
    nanoseconds: AtomicU64,
}

const WAIT: u32 = 0;
const GO: u32 = 1;
const STOP: u32 = 2;

/// Lets more and more processes work, and prints the medians.
pub(crate) fn measure(effort: &Effort) {
    let heap = Mapped::create(REGION_BYTES);
    let turn = Duration::from_micros(effort.operations as u64);
    println!("\nPairs of 64 B by several processes at once: millions a second of all, and");
    println!("nanoseconds for each; medians of the quieter half of turns in turn\n");
    println!("| processes | one heap | ns | a heap each | ns | glibc | ns |");
    println!("|---|---|---|---|---|---|---|");
    for workers in [1, 2, WORKERS] {
        let places = [Source::OneHeap(&heap), Source::OwnHeap, Source::Glibc];
        let rounds = (0..effort.turns.div_ceil(2)).map(|_| {
            let span = Span::start();
            let rates = places.map(|source| Stage::play(source, workers, turn));
            heap.reap();
            (rates, span.processors_of_others())
        });
        let rounds = others::quieter_half(rounds.collect(), |(_, others)| *others);
        print!("| {workers} |");
        for place in 0..places.len() {
            let rate = rounds.iter().map(|(rates, _)| rates[place]).collect::<Figures>().median();
            print!(" {:.1} | {:.1} |", rate * 1000.0, workers as f64 / rate);
        }
        println!();
    }
}

impl Stage {
    /// Returns the pairs in a nanosecond of all together.
    fn play(source: Source<'_>, workers: usize, time: Duration) -> f64 {
        let stage = Shared::new(Self::default());
        let start = |worker| Child::start(|| stage.act(source, worker));
        let children: Vec<Child> = stage.done[..workers].iter().map(start).collect();
        process::until(&children, || stage.ready.load(Ordering::Acquire) == workers as u32);
        stage.command.store(GO, Ordering::Relaxed);
        thread::sleep(time);
        stage.command.store(STOP, Ordering::Relaxed);
        Child::finish_all(&children);
        let done = &stage.done[..workers];
        let pairs: u64 = done.iter().map(|done| done.pairs.load(Ordering::Relaxed)).sum();
        // They share the processors, so their times overlap.
        let longest = done.iter().map(|done| done.nanoseconds.load(Ordering::Relaxed)).max();
        pairs as f64 / longest.unwrap_or(1) as f64
    }

    /// What a process does.
    fn act(&self, source: Source<'_>, done: &Done) {
        match source {
            Source::OneHeap(heap) => self.pairs(heap, done),
            Source::OwnHeap => {
                let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).expect("memory");
                self.pairs(&heap, done);
            }
            Source::Glibc => self.pairs(peers::glibc(), done),
        }
    }

    fn pairs(&self, mut heap: impl Heap, done: &Done) {
        // The first time takes longer: a process joins.
        pairs(&mut heap);
        self.ready.fetch_add(1, Ordering::Release);
        process::until(&[], || self.command.load(Ordering::Relaxed) != WAIT);
        let start = Instant::now();
        let mut count = 0;
        while self.command.load(Ordering::Relaxed) == GO {
            count += pairs(&mut heap);
        }
        done.pairs.store(count, Ordering::Relaxed);
        done.nanoseconds.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

/// Makes some pairs between looks at the clock; returns how many.
fn pairs(heap: &mut impl Heap) -> u64 {
    const PAIRS: u64 = 64;
    let layout = Layout::new::<[u64; 8]>();
    for _ in 0..PAIRS {
        let block = hint::black_box(heap.take(layout)).expect("there is room");
        // SAFETY: taken just now with this layout.
        unsafe { heap.give(block, layout) };
    }
    PAIRS
}
