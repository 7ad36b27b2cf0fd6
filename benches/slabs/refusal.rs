//! How long a refusal takes in a pool whose free pages lie one by one.

use std::alloc::Layout;
use std::time::Instant;

use aquifer::SlabPool;

use super::effort::Effort;
use super::figures::Figures;

const HOLES: usize = 30_000;

/// Returns the nanoseconds that a refused request takes: the median.
pub(crate) fn measure(effort: &Effort) -> f64 {
    let pool = SlabPool::new(260 << 20).expect("memory");
    // Each takes the first page of a pair and leaves the second.
    let page = Layout::from_size_align(4096, 8192).expect("small");
    let taken = (0..HOLES).map_while(|_| pool.alloc_layout(page).ok()).count();
    let two = Layout::from_size_align(8192, 8).expect("small");
    while pool.alloc_layout(two).is_ok() {}
    let holes = pool.stats().free_pages;
    assert!(taken == HOLES && (HOLES..HOLES + 2).contains(&holes));
    let times = (0..effort.turns).map(|_| {
        const REFUSALS: u32 = 100;
        let start = Instant::now();
        for _ in 0..REFUSALS {
            assert!(pool.alloc_layout(two).is_err());
        }
        start.elapsed().as_nanos() as f64 / f64::from(REFUSALS)
    });
    let nanoseconds = times.collect::<Figures>().median();
    println!("\nA refusal of two pages beside {HOLES} free ones: {nanoseconds:.0} ns");
    nanoseconds
}
