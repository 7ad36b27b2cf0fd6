//! The lock that several want at a time: how often they get it, and how long they wait.

use std::time::Duration;

use super::clock::Clock;
use super::crew::{Crew, Stage};
use super::effort::Effort;
use super::figures::Figures;
use super::histogram::{self, Histogram};
use super::others::{self, Span};
use super::peers::{Lock, Peers};
use super::work::Load;

/// How long a worker keeps the lock.
const INSIDE: Duration = Duration::from_nanos(50);

/// A crew of each kind of so many, who ask again after a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) workers: usize,
    pub(crate) pause: Duration,
}

/// The medians of the turns of aquifer's lock, by crew.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) threads: Medians,
    pub(crate) processes: Medians,
}

/// What became of one crew, turn by turn or in the median. Waits are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Millions a second.
    pub(crate) taken: f64,
    pub(crate) half: f64,
    pub(crate) of_100: f64,
    pub(crate) of_1000: f64,
    pub(crate) longest: f64,
    /// How often the least lucky worker got the lock, for each time of the luckiest.
    pub(crate) fairness: f64,
}

/// The medians of several turns; `longest` is that of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Medians {
    pub(crate) turn: Turn,
    /// Throughput for each of std's in the turn beside it.
    pub(crate) beside_std: f64,
}

struct Contender<'a> {
    name: String,
    play: Box<dyn Fn(Duration) -> Turn + 'a>,
}

/// A turn of each contender.
#[derive(Debug)]
struct Round {
    turns: Vec<Turn>,
    /// How many processors other programs had meanwhile.
    others: f64,
}

/// Gives each crew its turn again and again, and prints the medians.
pub(crate) fn measure(peers: &Peers, clock: &Clock, effort: &Effort, setting: Setting) -> Outcome {
    let contenders = contenders(peers, clock, setting);
    let rounds = (0..effort.contended_turns).map(|_| {
        let span = Span::start();
        let turns = contenders.iter().map(|contender| (contender.play)(effort.contended_turn));
        let turns: Vec<Turn> = turns.collect();
        Round { turns, others: span.processors_of_others() }
    });
    let rounds = others::quieter_half(rounds.collect(), |round| round.others);
    let medians: Vec<Medians> =
        (0..contenders.len()).map(|contender| Medians::of(&rounds, contender)).collect();
    print(setting, &contenders, &medians, &rounds);
    Outcome { threads: medians[THREADS], processes: medians[PROCESSES] }
}

/// Where some stand in the list below.
const THREADS: usize = 0;
const STD: usize = 1;
const PROCESSES: usize = 5;

/// std's and parking_lot's do not reach beyond one process.
fn contenders<'a>(peers: &'a Peers, clock: &'a Clock, setting: Setting) -> Vec<Contender<'a>> {
    use Crew::{Processes, Threads};
    vec![
        contender(peers.aquifer, clock, Threads, setting),
        contender(&*peers.std, clock, Threads, setting),
        contender(&*peers.parking_lot, clock, Threads, setting),
        contender(&*peers.pthread, clock, Threads, setting),
        contender(&*peers.robust, clock, Threads, setting),
        contender(peers.aquifer, clock, Processes, setting),
        contender(&*peers.pthread, clock, Processes, setting),
        contender(&*peers.robust, clock, Processes, setting),
    ]
}

fn contender<'a, L: Lock>(
    lock: &'a L,
    clock: &'a Clock,
    crew: Crew,
    setting: Setting,
) -> Contender<'a> {
    let load = Load::of(clock, INSIDE, setting.pause);
    let play = Box::new(move |time| {
        let (stage, time) = Stage::play(lock, crew, setting.workers, load, time);
        Turn::of(stage.times(), clock, time)
    });
    let crew = if crew == Crew::Threads { "threads" } else { "processes" };
    Contender { name: format!("{}, {crew}", L::NAME), play }
}

impl Turn {
    fn of<'a>(
        waits: impl Iterator<Item = &'a Histogram> + Clone,
        clock: &Clock,
        time: Duration,
    ) -> Self {
        let quantile = |part| clock.nanoseconds(histogram::quantile(waits.clone(), part));
        let counts: Figures = waits.clone().map(|wait| wait.count() as f64).collect();
        let total = waits.clone().map(Histogram::count).sum::<u64>() as f64;
        let longest = waits.clone().map(Histogram::longest).max().unwrap_or(0);
        Self {
            taken: total / time.as_micros() as f64,
            half: quantile(0.5),
            of_100: quantile(0.99),
            of_1000: quantile(0.999),
            longest: clock.nanoseconds(longest),
            fairness: counts.quantile(0.0) / counts.largest().max(1.0),
        }
    }
}

impl Medians {
    fn of(rounds: &[Round], contender: usize) -> Self {
        let turns = || rounds.iter().map(|round| &round.turns[contender]);
        let figures = |figure: fn(&Turn) -> f64| turns().map(figure).collect::<Figures>();
        let beside_std =
            turns().zip(rounds).map(|(turn, round)| turn.taken / round.turns[STD].taken);
        Self {
            turn: Turn {
                taken: figures(|turn| turn.taken).median(),
                half: figures(|turn| turn.half).median(),
                of_100: figures(|turn| turn.of_100).median(),
                of_1000: figures(|turn| turn.of_1000).median(),
                longest: figures(|turn| turn.longest).largest(),
                fairness: figures(|turn| turn.fairness).median(),
            },
            beside_std: beside_std.collect::<Figures>().median(),
        }
    }
}

fn print(setting: Setting, contenders: &[Contender<'_>], medians: &[Medians], rounds: &[Round]) {
    let Setting { workers, pause } = setting;
    let again = if pause.is_zero() { "at once".into() } else { format!("after {pause:?}") };
    println!("\n{workers} want the lock for {INSIDE:?}, and again {again}: waits in µs\n");
    println!("| lock | Mops/s | of std's | p50 | p99 | p99.9 | longest | fewest / most |");
    println!("|---|---|---|---|---|---|---|---|");
    for (contender, Medians { turn, beside_std }) in contenders.iter().zip(medians) {
        let [half, of_100, of_1000, longest] =
            [turn.half, turn.of_100, turn.of_1000, turn.longest].map(|wait| wait / 1000.0);
        println!(
            "| {} | {:.2} | {beside_std:.2} | {half:.2} | {of_100:.2} | {of_1000:.2} | {longest:.0} | {:.2} |",
            contender.name, turn.taken, turn.fairness
        );
    }
    let others = rounds.iter().map(|round| round.others).collect::<Figures>().mean();
    println!("\nOther programs had {others:.2} processors meanwhile.");
}
