//! The lock that nobody else wants: a pair of lock and unlock.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::effort::Effort;
use super::figures::Figures;
use super::peers::{Lock, Peers};

/// Nanoseconds that a pair takes, by contender.
#[derive(Debug)]
pub(crate) struct Pairs {
    pub(crate) aquifer: f64,
    pub(crate) std: f64,
    pub(crate) parking_lot: f64,
    pub(crate) pthread: f64,
    pub(crate) robust: f64,
}

/// Gives each lock its turn again and again, and prints the medians.
pub(crate) fn measure(peers: &Peers, effort: &Effort) -> Pairs {
    let mut contenders = [
        contender(peers.aquifer),
        contender(&*peers.std),
        contender(&*peers.parking_lot),
        contender(&*peers.pthread),
        contender(&*peers.robust),
    ];
    for contender in &mut contenders {
        contender.rounds = rounds(contender, effort.uncontended_turn);
    }
    for _ in 0..effort.uncontended_turns {
        for contender in &mut contenders {
            let time = time(contender, contender.rounds);
            contender.turns.push(time);
        }
    }
    let medians = contenders.map(|contender| {
        (contender.name, contender.turns.into_iter().collect::<Figures>().median())
    });
    let [aquifer, std, parking_lot, pthread, robust] = medians.map(|(_, median)| median);
    println!("\nNobody else wants the lock: nanoseconds, medians of turns in turn\n");
    println!("| lock and unlock | ns | aquifer / this |\n|---|---|---|");
    for (name, median) in medians {
        println!("| {name} | {median:.2} | {:.2} |", aquifer / median);
    }
    Pairs { aquifer, std, parking_lot, pthread, robust }
}

struct Contender<'a> {
    name: &'static str,
    pairs: Box<dyn Fn(u64) + 'a>,
    rounds: u64,
    turns: Vec<f64>,
}

fn contender<L: Lock>(lock: &L) -> Contender<'_> {
    let pairs = Box::new(move |rounds| pairs(black_box(lock), rounds));
    Contender { name: L::NAME, pairs, rounds: 0, turns: vec![] }
}

/// Counts up with the lock, of which the compiler knows nothing but its address.
#[inline(never)]
pub(crate) fn pairs<L: Lock>(lock: &L, rounds: u64) {
    for _ in 0..rounds {
        *lock.lock() += 1;
    }
}

/// Nanoseconds a round.
fn time(contender: &Contender<'_>, rounds: u64) -> f64 {
    let start = Instant::now();
    (contender.pairs)(rounds);
    start.elapsed().as_nanos() as f64 / rounds as f64
}

/// How many rounds fit into a turn.
fn rounds(contender: &Contender<'_>, turn: Duration) -> u64 {
    const PROBE: u64 = 10_000;
    (turn.as_nanos() as f64 / time(contender, PROBE)) as u64 + 1
}
