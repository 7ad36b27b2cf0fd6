//! Blocks of a heap, taken and given back by several processes at once.

use std::alloc::Layout;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aquifer::{Backing, SharedHeap};

use super::boxes::Boxes;
use super::mapped::Mapped;
use crate::others::{self, Span};
use crate::process::{self, Child};
use crate::shared::Shared;
use crate::slabs::cases::{CASES, Case, Sizes};
use crate::slabs::client::Client;
use crate::slabs::demand::Demand;
use crate::slabs::effort::Effort;
use crate::slabs::figures::Figures;
use crate::slabs::peers::{self, Heap, REGION_BYTES};
use crate::slabs::random::Random;

/// The most processes there are.
const WORKERS: usize = 4;

/// Whose memory a process takes its blocks from.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    OneHeap(&'a SharedHeap),
    OwnHeap,
    Glibc,
}

/// What it takes of a heap.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Blocks,
    Boxes64,
    Boxes8192,
}

/// What the processes do.
#[derive(Debug)]
struct Task {
    case: Case,
    kind: Kind,
    /// One for each process: those who ask for the same all the time would meet more often.
    demands: [Demand; WORKERS],
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
    operations: AtomicU64,
    nanoseconds: AtomicU64,
}

const WAIT: u32 = 0;
const GO: u32 = 1;
const STOP: u32 = 2;

/// Lets more and more processes work at each case, and prints the medians.
pub(crate) fn measure(effort: &Effort) {
    println!("\nA block taken and one given back by several processes at once: millions a second");
    println!(
        "of all, and nanoseconds for each; medians of the quieter half of turns in turn, in which"
    );
    println!("other programs had so many processors\n");
    println!("| case | processes | one heap | ns | a heap each | ns | glibc | ns | others |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for &case in CASES {
        for &kind in Kind::of(case) {
            let task = Task::new(case, kind, effort);
            let heap = Mapped::create(REGION_BYTES);
            for workers in [1, 2, WORKERS] {
                task.measure(&heap, workers, effort);
            }
        }
    }
}

impl Kind {
    /// A box always has the same size.
    fn of(case: Case) -> &'static [Self] {
        match case.sizes {
            Sizes::All(64) => &[Self::Blocks, Self::Boxes64],
            Sizes::All(8192) => &[Self::Blocks, Self::Boxes8192],
            _ => &[Self::Blocks],
        }
    }
}

impl Task {
    fn new(case: Case, kind: Kind, effort: &Effort) -> Self {
        let mut random = Random::new();
        let demands = [(); WORKERS].map(|()| Demand::draw(case, effort.operations, &mut random));
        Self { case, kind, demands }
    }

    /// Prints one row.
    fn measure(&self, heap: &SharedHeap, workers: usize, effort: &Effort) {
        let turn = Duration::from_micros(effort.operations as u64);
        let places = [Source::OneHeap(heap), Source::OwnHeap, Source::Glibc];
        let rounds = (0..effort.turns.div_ceil(4)).map(|_| {
            let span = Span::start();
            let rates = places.map(|source| self.play(source, workers, turn));
            heap.reap();
            assert_eq!(heap.stats().used_blocks, 0, "all were given back");
            (rates, span.processors_of_others())
        });
        let rounds = others::quieter_half(rounds.collect(), |(_, others)| *others);
        let boxes = if matches!(self.kind, Kind::Blocks) { "" } else { ", `ShmBox`" };
        print!("| {}{boxes} | {workers} |", self.case.name);
        for place in 0..places.len() {
            let rate = rounds.iter().map(|(rates, _)| rates[place]).collect::<Figures>().median();
            print!(" {:.1} | {:.1} |", rate * 1000.0, workers as f64 / rate);
        }
        let others = rounds.iter().map(|(_, others)| *others).collect::<Figures>().mean();
        println!(" {others:.2} |");
    }

    /// Returns the operations in a nanosecond of all together.
    fn play(&self, source: Source<'_>, workers: usize, time: Duration) -> f64 {
        let stage = Shared::new(Stage::default());
        let start = |(done, demand)| {
            let part = Part { stage: &stage, demand, done };
            Child::start(|| self.act(source, &part))
        };
        let crew = stage.done[..workers].iter().zip(&self.demands);
        let children: Vec<Child> = crew.map(start).collect();
        process::until(&children, || stage.ready.load(Ordering::Acquire) == workers as u32);
        stage.command.store(GO, Ordering::Relaxed);
        thread::sleep(time);
        stage.command.store(STOP, Ordering::Relaxed);
        Child::finish_all(&children);
        stage.rate(workers)
    }

    /// What a process does.
    fn act(&self, source: Source<'_>, part: &Part<'_>) {
        match source {
            Source::OneHeap(heap) => self.act_in(heap, part),
            Source::OwnHeap => {
                let live: usize = part.demand.live.iter().map(Layout::size).sum();
                let bytes = (1 << 20) + live + live / 2;
                let heap = SharedHeap::create(&Backing::Memfd, bytes).expect("memory");
                self.act_in(&heap, part);
            }
            Source::Glibc => part.act(peers::glibc()),
        }
    }

    fn act_in(&self, heap: &SharedHeap, part: &Part<'_>) {
        match self.kind {
            Kind::Blocks => part.act(heap),
            Kind::Boxes64 => part.act(Boxes::<8>::of(heap)),
            Kind::Boxes8192 => part.act(Boxes::<1024>::of(heap)),
        }
    }
}

/// What one process has to do with the others.
struct Part<'a> {
    stage: &'a Stage,
    demand: &'a Demand,
    done: &'a Done,
}

impl Part<'_> {
    fn act(&self, heap: impl Heap) {
        /// Between looks at the command.
        const OPERATIONS: usize = 64;
        let Self { stage, demand, done } = self;
        let mut client = Client::new(heap, demand);
        // The first time takes longer: pages are touched.
        client.operate(demand.all());
        stage.ready.fetch_add(1, Ordering::Release);
        process::until(&[], || stage.command.load(Ordering::Relaxed) != WAIT);
        let start = Instant::now();
        let mut count = 0;
        for which in demand.parts(OPERATIONS) {
            if stage.command.load(Ordering::Relaxed) != GO {
                break;
            }
            count += which.len() as u64;
            client.operate(which);
        }
        done.operations.store(count, Ordering::Relaxed);
        done.nanoseconds.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Stage {
    /// The operations in a nanosecond of all together.
    fn rate(&self, workers: usize) -> f64 {
        let done = &self.done[..workers];
        let operations: u64 = done.iter().map(|done| done.operations.load(Ordering::Relaxed)).sum();
        // They share the processors, so their times overlap.
        let longest = done.iter().map(|done| done.nanoseconds.load(Ordering::Relaxed)).max();
        operations as f64 / longest.unwrap_or(1) as f64
    }
}
