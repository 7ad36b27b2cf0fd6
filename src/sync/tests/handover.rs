//! How fast the lock of a killed owner goes to one who sleeps.

use core::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::child::Ending;
use super::deed;
use super::gate::Gate;
use super::patience::comes_true;
use super::stage::Stage;
use crate::sync::crash_point::CrashPoint;
use crate::sync::lock_error::LockError;

const ROUNDS: u32 = 40;
/// After so long a sleeper looks by itself every 32 ms, and no more often.
const UNTIL_IT_TRUSTS: Duration = Duration::from_millis(70);
/// Of those who look by themselves an eighth is as fast.
const AT_ONCE: Duration = Duration::from_millis(4);

#[test]
fn a_killed_owners_lock_goes_to_a_sleeper_at_once() {
    let mut stage = Stage::new(64, 0, Board::new());
    let _heir = stage.fork(|stage| inherit_often(stage));
    let mut times: Vec<Duration> =
        (1..=ROUNDS).map(|round| inherit_once(&mut stage, round)).collect();
    times.sort_unstable();
    let [quarter, half, all] =
        [times.len() / 4, times.len() / 2, times.len() - 1].map(|n| times[n]);
    println!("from SIGKILL to the next owner: {quarter:.1?} for a quarter, {half:.1?} for half,");
    println!("{all:.1?} for all of {ROUNDS}");
    assert!(quarter < AT_ONCE, "the kernel does not wake the sleeper");
}

type Estate = Stage<u32, Board>;

struct Board {
    begun: Instant,
    /// How many owners have the lock.
    held: Gate,
    /// The round in which the heir asks for it.
    round: Gate,
    asleep: Gate,
    /// How often the heir has had it.
    inherited: Gate,
    /// When it had it last, in nanoseconds.
    inherited_at: AtomicU64,
}

impl Board {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            held: Gate::default(),
            round: Gate::default(),
            asleep: Gate::default(),
            inherited: Gate::default(),
            inherited_at: AtomicU64::new(0),
        }
    }

    /// The time, by a clock that all share.
    fn nanoseconds(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }
}

/// One owner's life and death. Returns how long the lock was nobody's.
fn inherit_once(stage: &mut Estate, round: u32) -> Duration {
    let board = stage.board();
    let mut owner = stage.fork(|stage| {
        let _guard = stage.mutex().lock().expect("nobody has it");
        stage.board().held.open(round);
        thread::sleep(Duration::MAX);
    });
    assert!(comes_true(|| board.held.number() == round));
    let asleep = board.asleep.number();
    board.round.open(round);
    assert!(comes_true(|| board.asleep.number() > asleep));
    thread::sleep(UNTIL_IT_TRUSTS);
    let killed_at = board.nanoseconds();
    assert_eq!(owner.kill(), Ending::BY_SIGKILL);
    assert!(comes_true(|| board.inherited.number() == round));
    Duration::from_nanos(board.inherited_at.load(Ordering::SeqCst).saturating_sub(killed_at))
}

/// The life of the heir.
fn inherit_often(stage: &Estate) {
    let board = stage.board();
    deed::count(CrashPoint::AboutToSleep, board.asleep.counter());
    for round in 1..=ROUNDS {
        board.round.wait_for(round);
        let Err(LockError::OwnerDied(died)) = stage.mutex().lock() else {
            panic!("its owner was killed")
        };
        board.inherited_at.store(board.nanoseconds(), Ordering::SeqCst);
        drop(died.replace(round));
        board.inherited.step();
    }
}
