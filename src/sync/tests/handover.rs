//! How fast a lock goes to one who has slept for long: no slower than the kernel wakes it.

use core::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Child, Ending};
use super::deed;
use super::gate::Gate;
use super::patience::comes_true;
use super::stage::Stage;
use crate::sync::crash_point::CrashPoint;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;

const ROUNDS: u32 = 40;
/// After so long a sleeper looks by itself every 32 ms, and no more often.
const UNTIL_IT_TRUSTS: Duration = Duration::from_millis(70);
/// Of those who look by themselves an eighth is as fast.
const AT_ONCE: Duration = Duration::from_millis(4);

#[test]
fn an_unlocked_lock_goes_to_a_sleeper_at_once() {
    let mut estate = Estate::new(64, Board::new());
    let _heir = estate.fork(|estate| estate.inherit_often(Estate::mutex, 0));
    let times = (1..=ROUNDS).map(|round| estate.unlock(round, 1));
    assert_at_once("unlock", times.collect());
}

#[test]
fn a_lock_goes_from_sleeper_to_sleeper_at_once() {
    let mut estate = Estate::new(64, Board::new());
    let _heir = estate.fork(|estate| estate.inherit_often(Estate::mutex, 0));
    let _other = estate.fork(|estate| estate.inherit_often(Estate::mutex, 1));
    let times = (1..=ROUNDS).map(|round| estate.unlock(round, 2));
    assert_at_once("unlock before two", times.collect());
}

#[test]
fn a_killed_owners_lock_goes_to_a_sleeper_at_once() {
    let mut estate = Estate::new(64, Board::new());
    let _heir = estate.fork(|estate| estate.inherit_often(Estate::mutex, 0));
    let times = (1..=ROUNDS).map(|round| estate.kill_owner(round, 1));
    assert_at_once("SIGKILL", times.collect());
}

/// The kernel wakes only one of those who sleep at the word of a dead process.
#[test]
fn all_locks_of_a_killed_owner_go_to_their_sleepers_at_once() {
    let mut estate = Estate::new(64, Board::new());
    let _heir = estate.fork(|estate| estate.inherit_often(Estate::mutex, 0));
    let _other = estate.fork(|estate| estate.inherit_often(Estate::second_mutex, 1));
    let times = (1..=ROUNDS).map(|round| estate.kill_owner(round, 2));
    assert_at_once("SIGKILL of an owner of two", times.collect());
}

fn assert_at_once(beginning: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let [quarter, half, all] =
        [times.len() / 4, times.len() / 2, times.len() - 1].map(|n| times[n]);
    println!("from {beginning} until all had it: {quarter:.1?} for a quarter of {ROUNDS},");
    println!("{half:.1?} for half, {all:.1?} for all");
    assert!(quarter < AT_ONCE, "it is not the kernel who wakes them");
}

type Estate = Stage<u32, Board>;

struct Board {
    begun: Instant,
    /// The round in which the owner has the locks.
    held: Gate,
    /// The round in which the heirs ask for theirs.
    round: Gate,
    /// How often each heir went to sleep.
    asleep: [Gate; 2],
    /// How often heirs have had their lock.
    inherited: Gate,
    /// When the last one had it, in nanoseconds.
    inherited_at: AtomicU64,
}

impl Board {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            held: Gate::default(),
            round: Gate::default(),
            asleep: Default::default(),
            inherited: Gate::default(),
            inherited_at: AtomicU64::new(0),
        }
    }

    /// The time, by a clock that all share.
    fn nanoseconds(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }
}

impl Estate {
    /// Has the lock while `heirs` fall asleep. Returns how long it took until they had it.
    fn unlock(&self, round: u32, heirs: u32) -> Duration {
        let guard = self.mutex().try_lock().expect("nobody has it");
        self.let_fall_asleep(round, heirs);
        let now = self.board().nanoseconds();
        drop(guard);
        self.time_until_inherited(now, round, heirs)
    }

    /// One owner's life and death. Returns how long it took until `heirs` had the locks.
    fn kill_owner(&mut self, round: u32, heirs: u32) -> Duration {
        let mut owner: Child = self.fork(|estate| {
            let _guards = [estate.mutex(), estate.second_mutex()].map(ShmMutex::lock);
            estate.board().held.open(round);
            thread::sleep(Duration::MAX);
        });
        assert!(comes_true(|| self.board().held.number() == round));
        self.let_fall_asleep(round, heirs);
        let now = self.board().nanoseconds();
        assert_eq!(owner.kill(), Ending::BY_SIGKILL);
        let time = self.time_until_inherited(now, round, heirs);
        if heirs == 1 {
            let Err(LockError::OwnerDied(died)) = self.second_mutex().try_lock() else {
                panic!("its owner was killed")
            };
            drop(died.replace(0));
        }
        time
    }

    /// Begins a round; returns when the heirs have slept for long.
    fn let_fall_asleep(&self, round: u32, heirs: u32) {
        let heirs = &self.board().asleep[..heirs as usize];
        let before: Vec<u32> = heirs.iter().map(Gate::number).collect();
        self.board().round.open(round);
        for (heir, before) in heirs.iter().zip(before) {
            assert!(comes_true(|| heir.number() > before));
        }
        thread::sleep(UNTIL_IT_TRUSTS);
    }

    fn time_until_inherited(&self, since: u64, round: u32, heirs: u32) -> Duration {
        assert!(comes_true(|| self.board().inherited.number() == round * heirs));
        let then = self.board().inherited_at.load(Ordering::SeqCst);
        Duration::from_nanos(then.saturating_sub(since))
    }

    /// The life of an heir.
    fn inherit_often(&self, mutex: fn(&Self) -> &'static ShmMutex<u32>, heir: usize) {
        let board = self.board();
        deed::count(CrashPoint::AboutToSleep, board.asleep[heir].counter());
        for round in 1..=ROUNDS {
            board.round.wait_for(round);
            let guard = match mutex(self).lock() {
                Ok(guard) => guard,
                Err(LockError::OwnerDied(died)) => died.replace(round),
                Err(error) => panic!("{error}"),
            };
            board.inherited_at.fetch_max(board.nanoseconds(), Ordering::SeqCst);
            drop(guard);
            board.inherited.step();
        }
    }
}
