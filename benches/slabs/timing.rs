//! How long it takes to take a block and to give one back.

use std::time::Instant;

use aquifer::SlabPool;

use super::cases::Case;
use super::client::Client;
use super::demand::Demand;
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
    let demand = Demand::draw(case, effort.operations, &mut Random::new());
    let [pool, pool_in_turn] = [(); 2].map(|()| SlabPool::new(REGION_BYTES).expect("memory"));
    let contenders = [
        contender(&demand, &pool),
        contender(&demand, pool_in_turn.lock().expect("memory")),
        contender(&demand, peers::talc()),
        contender(&demand, peers::glibc()),
        contender(&demand, peers::mimalloc()),
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

/// One that takes and gives back what is demanded.
pub(crate) fn contender<'a>(demand: &'a Demand, heap: impl Heap + 'a) -> Contender<'a> {
    let mut client = Client::new(heap, demand);
    let operations = demand.all().len() as f64;
    Box::new(move || {
        let start = Instant::now();
        client.operate(demand.all());
        start.elapsed().as_nanos() as f64 / operations
    })
}
