//! Allocators compared that free in any order: time by case, how full a region gets, and refusals.
//!
//! `cargo bench --bench slab`, which fails if a goal is missed; with `-- --test` everything is done once, for a moment

#[path = "locks/goals.rs"]
mod goals;
#[allow(dead_code, reason = "shared heaps need more of it")]
mod slabs;

use std::env;
use std::process::ExitCode;

use goals::Goals;
use slabs::cases::{CASES, Case};
use slabs::effort::Effort;
use slabs::filling;
use slabs::refusal;
use slabs::timing::{self, Times};

fn main() -> ExitCode {
    let smoke = env::args().any(|argument| argument == "--test");
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    println!("A block taken and one given back: nanoseconds, medians of turns in turn\n");
    println!(
        "| case | aquifer | of talc | in one turn | of glibc | talc + lock | glibc | mimalloc |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let rows: Vec<(Case, Times)> =
        CASES.iter().map(|&case| (case, timing::measure(case, &effort))).collect();
    let fills = filling::measure();
    let refusals = refusal::measure(&effort);
    let mut goals = Goals::new();
    for (case, times) in rows {
        let name = format!("{}, of talc's with a lock", case.name);
        goals.at_most(&name, times.of_talc(), case.of_talc);
        goals.at_most(&format!("{}, in one turn, of glibc's", case.name), times.of_glibc(), 1.5);
    }
    for (name, filled, least) in fills {
        goals.at_least(&format!("filled, {name}"), filled, least);
    }
    goals.at_most("a refusal beside 30,000 holes, µs", refusals / 1000.0, 1.0);
    goals.end(smoke)
}
