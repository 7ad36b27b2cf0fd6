//! Allocators compared that free in any order: time by case, how full a region gets, and refusals.
//!
//! `cargo bench --bench slab`; with `-- --test` everything is done once, for a moment

#[allow(dead_code, reason = "shared heaps need more of it")]
mod slabs;

use std::env;

use slabs::cases::{CASES, Case};
use slabs::effort::Effort;
use slabs::filling;
use slabs::refusal;
use slabs::timing::{self, Times};

fn main() {
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
    println!("\n| goal | bound | measured | |\n|---|---|---|---|");
    for (case, times) in rows {
        goal(&format!("{}, of talc's with a lock", case.name), times.of_talc(), case.of_talc, true);
        goal(&format!("{}, in one turn, of glibc's", case.name), times.of_glibc(), 1.5, true);
    }
    for (name, filled, least) in fills {
        goal(&format!("filled, {name}"), filled, least, false);
    }
    goal("a refusal beside 30,000 holes, µs", refusals / 1000.0, 1.0, true);
}

/// Prints what the project wants of the pool, and what it has got.
fn goal(name: &str, measured: f64, bound: f64, at_most: bool) {
    let (words, holds) =
        if at_most { ("at most", measured <= bound) } else { ("at least", measured >= bound) };
    let verdict = if holds { "holds" } else { "missed" };
    println!("| {name} | {words} {bound} | {measured:.3} | {verdict} |");
}
