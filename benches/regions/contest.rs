//! A contest: the same work by several contenders, timed by criterion and then in turn.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// One of those that are compared.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) work: Box<dyn FnMut()>,
}

/// How often each contender has its turn, and for how long.
const TURNS: usize = 101;
const TURN: Duration = Duration::from_micros(500);

/// Times each contender by criterion, and returns what [`in_turn`] has to say.
pub(crate) fn time(
    criterion: &mut Criterion,
    case: &str,
    operations: u64,
    mut contenders: Vec<Contender>,
) -> String {
    let mut group = criterion.benchmark_group(case);
    group.throughput(Throughput::Elements(operations));
    for contender in &mut contenders {
        group.bench_function(contender.name, |bencher| bencher.iter(&mut contender.work));
    }
    group.finish();
    in_turn(case, operations, &mut contenders)
}

/// Gives each contender its turn again and again, so that all of them see the machine at its better
/// and at its worse, and tells the median of each in nanoseconds an operation.
fn in_turn(case: &str, operations: u64, contenders: &mut [Contender]) -> String {
    let mut times = vec![Vec::with_capacity(TURNS); contenders.len()];
    let repeats: Vec<u32> = contenders.iter_mut().map(repeats).collect();
    for _ in 0..TURNS {
        for ((contender, repeats), times) in contenders.iter_mut().zip(&repeats).zip(&mut times) {
            let start = Instant::now();
            (0..*repeats).for_each(|_| black_box(&mut contender.work)());
            let nanoseconds = start.elapsed().as_nanos() as f64;
            times.push(nanoseconds / f64::from(*repeats) / operations as f64);
        }
    }
    let medians = times.iter_mut().map(|times| {
        times.sort_by(f64::total_cmp);
        times[TURNS / 2]
    });
    let named = contenders.iter().zip(medians);
    let cells = named.map(|(contender, median)| format!("{} {median:.2}", contender.name));
    format!("| {case} | {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// How often a contender does its work in one turn.
fn repeats(contender: &mut Contender) -> u32 {
    let start = Instant::now();
    let mut repeats = 0;
    while start.elapsed() < TURN {
        (contender.work)();
        repeats += 1;
    }
    repeats
}
