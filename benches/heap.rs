//! Shared heaps: time by case beside allocators of one process, by several processes, and after a death.
//!
//! `cargo bench --bench heap`, which fails if a goal is missed; with `-- --test` everything is done once, for a moment

#[path = "locks/goals.rs"]
#[allow(dead_code, reason = "the locks need more of it")]
mod goals;
mod heaps;
#[path = "locks/others.rs"]
mod others;
#[path = "locks/process.rs"]
mod process;
#[path = "locks/shared.rs"]
mod shared;
#[allow(dead_code, reason = "slab pools need more of it")]
mod slabs;

use std::env;
use std::process::ExitCode;

use goals::Goals;
use heaps::finding::{self, Looks};
use heaps::pairs::{self, OfGlibc};
use heaps::reading::{self, Costs};
use heaps::{crowd, recovery};
use slabs::effort::Effort;

fn main() -> ExitCode {
    let smoke = env::args().any(|argument| argument == "--test");
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    let pair = pairs::measure(&effort);
    crowd::measure(&effort);
    let costs = reading::measure(&effort);
    let looks = finding::look_up(&effort);
    finding::attach(&effort);
    let recovery = recovery::measure(&effort);
    report_goals(&pair, &costs, &looks, recovery).end(smoke)
}

/// Prints what the project wants of a shared heap, and what it has got.
fn report_goals(pair: &OfGlibc, costs: &Costs, looks: &Looks, recovery: f64) -> Goals {
    let mut goals = Goals::new();
    goals.at_most("pair of 64 B, of glibc's", pair.raw, 5.5);
    goals.at_most("pair of `ShmBox<[u64; 8]>`, of glibc's", pair.boxed, 5.5);
    goals.at_most("a value read by its box, ns over a reference", costs.read, 1.0);
    goals.at_most("a node followed by its box, ns over a `Box`", costs.follow, 1.0);
    for (count, time) in looks.by_count {
        goals.at_most(&format!("a root found among {count}, ns"), time, 100.0);
    }
    goals.at_most("64 MiB put in order after a death, µs", recovery / 1000.0, 100.0);
    goals
}
