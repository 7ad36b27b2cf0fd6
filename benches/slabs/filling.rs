//! How full a region is when it refuses something for the first time.

use std::alloc::Layout;
use std::iter;

use aquifer::SlabPool;

use super::cases::Sizes;
use super::peers::{self, Heap, REGION_BYTES};
use super::random::Random;

const FILLS: [(&str, Sizes, f64); 5] = [
    ("uniform 8..2048", Sizes::Uniform, 0.9),
    ("log-uniform 8..2048", Sizes::LogUniform, 0.9),
    ("64 B", Sizes::All(64), 0.97),
    ("8 KiB", Sizes::All(8192), 0.97),
    ("1500 B", Sizes::All(1500), 0.92),
];

/// Fills regions, and prints how full they got; returns that of the pool, and what is wanted.
pub(crate) fn measure() -> Vec<(&'static str, f64, f64)> {
    println!("\nBytes asked for, of {} MiB, when there was no more\n", REGION_BYTES >> 20);
    println!("| sizes | aquifer | talc |\n|---|---|---|");
    FILLS
        .map(|(name, sizes, least)| {
            let pool = SlabPool::new(REGION_BYTES).expect("memory");
            let [filled, talc] = [fill(&pool, sizes), fill(peers::talc(), sizes)];
            println!("| {name} | {:.1} % | {:.1} % |", filled * 100.0, talc * 100.0);
            (name, filled, least)
        })
        .to_vec()
}

fn fill(mut heap: impl Heap, sizes: Sizes) -> f64 {
    let mut random = Random::new();
    let taken = iter::from_fn(|| {
        let bytes = sizes.draw(&mut random);
        let layout = Layout::from_size_align(bytes, 8).expect("small");
        heap.take(layout).map(|_| bytes)
    });
    taken.sum::<usize>() as f64 / REGION_BYTES as f64
}
