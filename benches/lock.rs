//! Locks compared: alone, among several threads or processes, and after the death of an owner.
//!
//! `cargo bench --bench lock`, which fails if a goal is missed; with `-- --test` everything is done once, for a moment
//!
//! The contenders have their turns in turn, so that all of them see the machine at its better and at
//! its worse; a figure is the median of the turns.

mod locks;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use locks::clock::Clock;
use locks::contest::{self, Outcome, Setting};
use locks::death;
use locks::effort::Effort;
use locks::goals::Goals;
use locks::peers::Peers;
use locks::uncontended::{self, Pairs};

fn main() -> ExitCode {
    let smoke = env::args().any(|argument| argument == "--test");
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    let (peers, clock) = (Peers::new(), Clock::calibrate());
    println!("A reading of the clock takes {:.0} ns.", clock.nanoseconds_per_reading());
    let pairs = uncontended::measure(&peers, &effort);
    let contest =
        |workers, pause| contest::measure(&peers, &clock, &effort, Setting { workers, pause });
    let [two, eight] = [2, 8].map(|workers| contest(workers, Duration::ZERO));
    for workers in [2, 8] {
        contest(workers, Duration::from_nanos(500));
    }
    let deaths = [1, 3].map(|heirs| death::measure(&peers, &clock, &effort, heirs).mean());
    report_goals(&pairs, &two, &eight, deaths).end(smoke)
}

/// Prints what the project wants of the lock, and what it has got.
fn report_goals(pairs: &Pairs, two: &Outcome, eight: &Outcome, deaths: [f64; 2]) -> Goals {
    let mut goals = Goals::new();
    goals.at_most("alone, of parking_lot's time", pairs.aquifer / pairs.parking_lot, 1.1);
    goals.at_most("alone, of the robust pthread mutex's time", pairs.aquifer / pairs.robust, 0.8);
    goals.at_least("2 threads, of std's throughput", two.threads.beside_std, 1.0);
    goals.at_least("8 threads, of std's throughput", eight.threads.beside_std, 1.0);
    goals.at_most("2 processes, p99.9 in µs", two.processes.turn.of_1000 / 1000.0, 1.0);
    goals.at_most("death to one who sleeps, mean in ms", deaths[0] / 1e6, 1.0);
    goals.at_most("death to one of three who sleep, mean in ms", deaths[1] / 1e6, 1.0);
    goals
}
