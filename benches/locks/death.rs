//! The lock whose owner is killed: how long until the next one has it.

use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::clock::{self, Clock};
use super::effort::Effort;
use super::figures::Figures;
use super::peers::{Peers, Robust};
use super::process::{self, Child};
use super::shared::Shared;

/// What the processes tell each other. Each owner is killed in a round of its own.
#[derive(Debug, Default)]
struct Scene {
    /// The last round whose owner has the lock.
    held: AtomicU32,
    /// The last round in which the heirs may ask for the lock.
    asked: AtomicU32,
    /// How often an heir has had the lock, rounds and heirs taken together.
    had: AtomicU32,
    /// When the first heir of a round had it, in ticks.
    inherited: AtomicU64,
}

/// Kills owners before so many sleeping heirs, each lock in turn, and prints the times. Returns
/// aquifer's, in nanoseconds.
pub(crate) fn measure(peers: &Peers, clock: &Clock, effort: &Effort, heirs: u32) -> Figures {
    let (mut aquifer, mut robust) = (vec![], vec![]);
    for _ in 0..effort.death_turns {
        aquifer.extend(deaths(peers.aquifer, clock, heirs, effort.deaths_a_turn));
        robust.extend(deaths(&*peers.robust, clock, heirs, effort.deaths_a_turn));
    }
    let count = aquifer.len();
    let aquifer: Figures = aquifer.into_iter().collect();
    println!(
        "\nThe owner is killed while {heirs} sleep: µs to the next owner, of {count} deaths\n"
    );
    println!("| lock | mean | median | p99 | longest |\n|---|---|---|---|---|");
    print("aquifer", &aquifer);
    print("pthread robust", &robust.into_iter().collect());
    aquifer
}

fn print(name: &str, times: &Figures) {
    let figures = [times.mean(), times.median(), times.quantile(0.99), times.largest()];
    let [mean, median, of_100, longest] = figures.map(|time| time / 1000.0);
    println!("| {name} | {mean:.0} | {median:.0} | {of_100:.0} | {longest:.0} |");
}

/// Kills so many owners, one after the other; returns how long each time took in nanoseconds.
fn deaths<L: Robust>(lock: &L, clock: &Clock, heirs: u32, rounds: u32) -> Vec<f64> {
    let scene = Shared::new(Scene::default());
    let heir = |_| Child::start(|| (1..=rounds).for_each(|round| scene.inherit(lock, round)));
    let children: Vec<Child> = (0..heirs).map(heir).collect();
    let times = (1..=rounds).map(|round| {
        let owner = Child::start(|| scene.hold(lock, round));
        process::until(slice::from_ref(&owner), || scene.held.load(Ordering::Acquire) == round);
        scene.asked.store(round, Ordering::Release);
        thread::sleep(until_all_sleep(round));
        let killed = clock::ticks();
        owner.kill();
        process::until(&children, || scene.had.load(Ordering::Acquire) == round * heirs);
        clock.nanoseconds(scene.inherited.load(Ordering::Relaxed) - killed)
    });
    let times = times.collect();
    Child::finish_all(&children);
    times
}

/// Long enough that the heirs sleep, and not always as long, lest it keep step with theirs.
fn until_all_sleep(round: u32) -> Duration {
    Duration::from_micros(2000 + u64::from(round * 7919 % 3001))
}

impl Scene {
    /// What an owner does: it dies in its sleep.
    fn hold<L: Robust>(&self, lock: &L, round: u32) {
        let _guard = lock.lock();
        self.held.store(round, Ordering::Release);
        loop {
            thread::sleep(Duration::MAX);
        }
    }

    /// What an heir does.
    fn inherit<L: Robust>(&self, lock: &L, round: u32) {
        process::until(&[], || self.asked.load(Ordering::Acquire) >= round);
        let (guard, died) = lock.inherit();
        if died {
            self.inherited.store(clock::ticks(), Ordering::Relaxed);
        }
        drop(guard);
        self.had.fetch_add(1, Ordering::Release);
    }
}
