//! The last stores of a process that is killed: none comes to light when another has its lock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::child::Ending;
use super::deed;
use super::gate::Gate;
use super::patience::{LONGEST_JAM, Patience, comes_true};
use super::stage::Stage;
use crate::sync::lock_error::{LockError, OwnerDied};
use crate::sync::mutex::ShmMutex;

const DEATHS: u32 = 500;
/// Far longer than an interrupt is under way.
const A_WHILE: Duration = Duration::from_micros(50);

#[test]
fn a_thread_of_a_killed_owner_does_not_run_on_under_the_next() {
    let mut stage = Stage::new(64, Board::default());
    let late = (1..=DEATHS).filter(|&round| comes_late(&mut stage, round)).count();
    println!("{DEATHS} owners killed at work: after {late} of the deaths a store came late");
    assert_eq!(late, 0);
}

#[derive(Default)]
struct Board {
    /// The round in which a thread has the lock and counts.
    counting: Gate,
    /// The round in which the heir is on the watch.
    watching: Gate,
}

/// Takes the lock from a process that dies while another of its threads counts up the data as fast
/// as it can. Returns whether it still does so afterwards.
fn comes_late(stage: &mut Stage<AtomicU64, Board>, round: u32) -> bool {
    let mut owner = stage.fork(|stage| {
        let (mutex, board) = (stage.mutex(), stage.board());
        thread::spawn(move || count_up(mutex, board, round));
        board.watching.wait_for(round);
        deed::signal_myself(libc::SIGKILL);
    });
    let board = stage.board();
    assert!(comes_true(|| board.counting.number() == round));
    board.watching.open(round);
    let mut late = false;
    let healed = inherit_awake(stage.mutex()).recover(|counter| {
        let last = counter.load(Ordering::Relaxed);
        let begun = Instant::now();
        while begun.elapsed() < A_WHILE {
            late |= counter.load(Ordering::Relaxed) != last;
        }
    });
    drop(healed);
    assert_eq!(owner.end(), Ending::BY_SIGKILL);
    late
}

fn count_up(mutex: &ShmMutex<AtomicU64>, board: &Board, round: u32) {
    let guard = mutex.lock().expect("nobody has it");
    board.counting.open(round);
    for number in 0.. {
        guard.store(number, Ordering::Relaxed);
    }
}

/// Asks for the lock of one who dies again and again, so as to have it as soon as can be.
fn inherit_awake(mutex: &ShmMutex<AtomicU64>) -> OwnerDied<'_, AtomicU64> {
    let mut patience = Patience::of(LONGEST_JAM);
    loop {
        let begun = Instant::now();
        match mutex.try_lock() {
            Err(LockError::OwnerDied(died)) => return died,
            Err(LockError::Held) => assert!(patience.charge(begun.elapsed()), "it does not die"),
            other => panic!("{:?}", other.err()),
        }
    }
}
