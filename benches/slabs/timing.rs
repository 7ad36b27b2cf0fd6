//! How long it takes to take a block and to give one back.
#![expect(unsafe_code, reason = "frees")]

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;
use std::time::Instant;

use aquifer::SlabPool;

use super::cases::Case;
use super::effort::Effort;
use super::figures::Figures;
use super::peers::{self, Heap, REGION_BYTES};
use super::random::Random;

/// Nanoseconds for a block that is taken and one that is given back.
#[derive(Debug)]
pub(crate) struct Times {
    aquifer: f64,
    in_one_turn: f64,
    talc: f64,
    glibc: f64,
}

impl Times {
    pub(crate) fn of_talc(&self) -> f64 {
        self.aquifer / self.talc
    }

    pub(crate) fn of_glibc(&self) -> f64 {
        self.in_one_turn / self.glibc
    }
}

/// Gives each allocator its turn again and again, and prints the medians.
pub(crate) fn measure(case: Case, effort: &Effort) -> Times {
    let [pool, pool_in_turn] = [(); 2].map(|()| SlabPool::new(REGION_BYTES).expect("memory"));
    let contenders = [
        contender(case, effort, &pool),
        contender(case, effort, pool_in_turn.lock().expect("memory")),
        contender(case, effort, peers::talc()),
        contender(case, effort, peers::glibc()),
        contender(case, effort, peers::mimalloc()),
    ];
    let [aquifer, in_one_turn, talc, glibc, mimalloc] = medians(contenders, effort.turns);
    let times = Times { aquifer, in_one_turn, talc, glibc };
    println!(
        "| {} | {aquifer:.1} | {:.2} | {in_one_turn:.1} | {:.2} | {talc:.1} | {glibc:.1} | {mimalloc:.1} |",
        case.name,
        times.of_talc(),
        times.of_glibc(),
    );
    times
}

/// What has its turn again and again, and returns the nanoseconds of an operation each time.
pub(crate) type Contender<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// Gives each contender so many turns, in turn; returns the medians.
pub(crate) fn medians<const N: usize>(
    mut contenders: [Contender<'_>; N],
    turns: usize,
) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..turns {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push(contender());
        }
    }
    times.map(|times| times.into_iter().collect::<Figures>().median())
}

/// One block, and its layout.
type Block = (NonNull<u8>, Layout);

/// One that takes and gives back the blocks of a case.
pub(crate) fn contender<'a>(
    case: Case,
    effort: &Effort,
    mut heap: impl Heap + 'a,
) -> Contender<'a> {
    let operations = effort.operations;
    let mut random = Random::new();
    let mut live: Vec<Block> =
        (0..case.live.max(1)).map(|_| take(&mut heap, case, &mut random)).collect();
    // Drawn before the clock runs. All contenders are asked for the same.
    let layouts: Vec<Layout> = (0..operations).map(|_| layout(case, &mut random)).collect();
    let places: Vec<usize> = (0..operations).map(|_| random.below(live.len())).collect();
    Box::new(move || {
        let start = Instant::now();
        if case.live == 0 {
            pairs(&mut heap, &layouts);
        } else {
            replace(&mut heap, &mut live, &layouts, &places);
        }
        start.elapsed().as_nanos() as f64 / operations as f64
    })
}

#[inline(never)]
fn pairs(heap: &mut impl Heap, layouts: &[Layout]) {
    for &layout in layouts {
        let block = black_box(heap.take(layout)).expect("there is room");
        // SAFETY: taken just now with this layout.
        unsafe { heap.give(block, layout) };
    }
}

#[inline(never)]
fn replace(heap: &mut impl Heap, live: &mut [Block], layouts: &[Layout], places: &[usize]) {
    for (&layout, &place) in layouts.iter().zip(places) {
        let (old, old_layout) = live[place];
        // SAFETY: taken before with this layout, and replaced below.
        unsafe { heap.give(old, old_layout) };
        live[place] = (heap.take(layout).expect("there is room"), layout);
    }
}

fn take(heap: &mut impl Heap, case: Case, random: &mut Random) -> Block {
    let layout = layout(case, random);
    (heap.take(layout).expect("there is room"), layout)
}

fn layout(case: Case, random: &mut Random) -> Layout {
    Layout::from_size_align(case.sizes.draw(random), 8).expect("small")
}
