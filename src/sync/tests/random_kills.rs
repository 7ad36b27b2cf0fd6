//! Processes at work that are killed at any instruction.

use core::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Child, Ending};
use super::dice::Dice;
use super::patience::{LONGEST_JAM, Patience, comes_true};
use super::workers::{Board, Desk, Phase, WORKERS, Yard, work};

const KILLS: u32 = 5000;

#[test]
fn five_thousand_kills_at_any_instruction_leave_a_lock_that_works() {
    // Few enough for slots to be used again and again.
    let mut stage = Yard::new(256, Board::new());
    stage.mutex().try_lock().expect("a new lock").repair();
    let mut nursery = Nursery::new(&mut stage);
    nursery.let_all_work();
    for _ in 0..KILLS {
        nursery.kill_one();
    }
    let deaths = nursery.end();
    let board = stage.board();
    let last = board.enter(|| stage.mutex().lock_timeout(LONGEST_JAM), None);
    drop(last.expect("those who held it are dead"));
    report(board, deaths);
    assert_eq!(board.intrusions.load(Ordering::SeqCst), 0, "two were in at once");
    assert_eq!(board.late_stores.load(Ordering::SeqCst), 0, "a dead owner's store came late");
    let errors = board.owner_died.load(Ordering::SeqCst);
    assert!(errors >= deaths.holding, "somebody was not told");
    // Nearly all who die on the way wait for the lock.
    assert!(errors <= deaths.holding + deaths.unsure / 16, "somebody was told twice");
    let healed = stage.mutex().try_lock().expect("the last one has repaired it");
    assert!(healed.is_whole());
}

/// What became of the workers.
#[derive(Clone, Copy, Default, Debug)]
struct Deaths {
    all: u32,
    /// Of those: with the lock, for sure.
    holding: u32,
    /// Of those: on the way into the lock or out of it.
    unsure: u32,
}

/// Who sets workers to work, and kills them.
struct Nursery<'a> {
    stage: &'a mut Yard,
    workers: Vec<Child>,
    dice: Dice,
    born: u64,
    deaths: Deaths,
    /// How often the lock had been taken, and how long to wait for the next time.
    progress: (u64, Patience),
}

impl<'a> Nursery<'a> {
    fn new(stage: &'a mut Yard) -> Self {
        let progress = (0, Patience::of(LONGEST_JAM));
        let deaths = Deaths::default();
        Self { stage, workers: Vec::new(), dice: Dice::new(1), born: 0, deaths, progress }
    }

    /// Puts a worker in each place, and looks at them until all have had the lock.
    fn let_all_work(&mut self) {
        for place in 0..WORKERS {
            let worker = self.birth(place);
            self.workers.push(worker);
        }
        let desks = &self.stage.board().desks;
        assert!(comes_true(|| desks.iter().all(Desk::has_worked)), "not all get the lock");
        let mut addresses: Vec<usize> = desks.iter().map(Desk::address).collect();
        addresses.push(self.stage.address());
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), WORKERS + 1, "each has the lock at an address of its own");
    }

    fn kill_one(&mut self) {
        let time = self.dice.below(6000);
        self.look_on(Duration::from_micros(time));
        let place = self.dice.below(WORKERS as u64) as usize;
        self.bury(place);
        self.workers[place] = self.birth(place);
    }

    /// Kills all who are left.
    fn end(mut self) -> Deaths {
        for place in 0..WORKERS {
            self.bury(place);
        }
        self.deaths
    }

    fn birth(&mut self, place: usize) -> Child {
        self.born += 1;
        let born = self.born;
        self.stage.fork(|stage| work(stage, place, born))
    }

    fn bury(&mut self, place: usize) {
        let ending = self.workers[place].kill();
        assert_eq!(ending, Ending::BY_SIGKILL, "it had ended by itself");
        self.deaths.all += 1;
        for seat in &self.stage.board().desks[place].seats {
            match seat.leave() {
                Phase::OUT => {}
                Phase::HOLDS => self.deaths.holding += 1,
                _ => self.deaths.unsure += 1,
            }
        }
    }

    /// Lets time pass, and sees whether somebody gets the lock.
    fn look_on(&mut self, time: Duration) {
        let begun = Instant::now();
        thread::sleep(time);
        let taken = self.stage.board().taken.load(Ordering::SeqCst);
        if taken != self.progress.0 {
            self.progress = (taken, Patience::of(LONGEST_JAM));
        }
        assert!(self.progress.1.charge(begun.elapsed()), "nobody gets the lock any more");
    }
}

fn report(board: &Board, deaths: Deaths) {
    let time = board.begun.elapsed();
    let gap = Duration::from_nanos(board.longest_gap.load(Ordering::SeqCst));
    let errors = board.owner_died.load(Ordering::SeqCst);
    let taken = board.taken.load(Ordering::SeqCst);
    println!("random kills: {deaths:?}, {errors} times OwnerDied, in {time:.1?};");
    println!("the lock was taken {taken} times, and by nobody for {gap:.1?} at most");
}
