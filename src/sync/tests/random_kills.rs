//! Processes at work that are killed at any instruction.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::child::{Child, Ending};
use super::dice::Dice;
use super::ledger::Ledger;
use super::patience::{LONGEST_JAM, Patience};
use super::stage::Stage;
use crate::sync::lock_error::{LockError, OwnerDied};
use crate::sync::mutex::{ShmMutex, ShmMutexGuard};

const KILLS: u32 = 5000;
const WORKERS: usize = 4;
/// The threads of a worker that is given several.
const THREADS: usize = 2;

type Yard = Stage<Ledger, Board>;

#[test]
fn five_thousand_kills_at_any_instruction_leave_a_lock_that_works() {
    // Few enough for slots to be used again and again.
    let mut stage = Yard::new(256, Ledger::default(), Board::new());
    stage.mutex().lock().expect("a new lock").repair();
    let mut nursery = Nursery::new(&mut stage);
    nursery.let_all_work();
    for _ in 0..KILLS {
        nursery.kill_one();
    }
    let deaths = nursery.end();
    let board = stage.board();
    let last = board.enter(|| stage.mutex().lock_timeout(LONGEST_JAM), None);
    drop(last.expect("those who held it are dead"));
    board.report(deaths);
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
        while !self.stage.board().desks.iter().all(Desk::has_worked) {
            self.look_on(Duration::from_millis(1));
        }
        let mut addresses: Vec<usize> =
            self.stage.board().desks.iter().map(Desk::address).collect();
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

/// The life of a worker.
fn work(stage: &Yard, place: usize, born: u64) {
    let (mutex, board) = (stage.mutex(), stage.board());
    let desk = &board.desks[place];
    desk.address.store(stage.address(), Ordering::SeqCst);
    let threads = 1 + born as usize % THREADS;
    thread::scope(|scope| {
        for (seat, number) in desk.seats[1..threads].iter().zip(1..) {
            scope.spawn(move || seat.work(mutex, board, born * 8 + number));
        }
        desk.seats[0].work(mutex, board, born * 8);
    });
}

/// What all see.
struct Board {
    begun: Instant,
    desks: [Desk; WORKERS],
    /// How often the lock was taken.
    taken: AtomicU64,
    /// When it was taken last, in nanoseconds.
    taken_at: AtomicU64,
    /// The longest time in which nobody took it, in nanoseconds.
    longest_gap: AtomicU64,
    /// How often somebody was told of a dead owner.
    owner_died: AtomicU32,
    /// How often somebody was not alone.
    intrusions: AtomicU32,
    /// How often the data of a dead owner changed afterwards.
    late_stores: AtomicU32,
}

impl Board {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            desks: Default::default(),
            taken: AtomicU64::new(0),
            taken_at: AtomicU64::new(0),
            longest_gap: AtomicU64::new(0),
            owner_died: AtomicU32::new(0),
            intrusions: AtomicU32::new(0),
            late_stores: AtomicU32::new(0),
        }
    }

    /// Takes the lock by `lock`, if it gives it; repairs what it finds broken.
    fn enter<'a>(
        &self,
        lock: impl FnOnce() -> Result<ShmMutexGuard<'a, Ledger>, LockError<'a, Ledger>>,
        seat: Option<&Seat>,
    ) -> Option<ShmMutexGuard<'a, Ledger>> {
        let outcome = lock();
        if let Err(LockError::OwnerDied(_)) = outcome {
            // Counted first: who dies in between counts as one who may have held it.
            self.owner_died.fetch_add(1, Ordering::SeqCst);
        }
        let guard = match outcome {
            Ok(guard) => {
                seat.inspect(|seat| seat.say(Phase::HOLDS));
                guard
            }
            Err(LockError::OwnerDied(died)) => {
                seat.inspect(|seat| seat.say(Phase::HOLDS));
                self.inherit(died)
            }
            Err(LockError::Held) => return None,
            Err(error) => panic!("{error:?}"),
        };
        self.clock();
        Some(guard)
    }

    fn inherit<'a>(&self, died: OwnerDied<'a, Ledger>) -> ShmMutexGuard<'a, Ledger> {
        const AFTERWARDS: Duration = Duration::from_micros(30);
        died.recover(|ledger| {
            if !ledger.is_still(AFTERWARDS) {
                self.late_stores.fetch_add(1, Ordering::SeqCst);
            }
            ledger.repair();
        })
    }

    /// Under the lock: takes note of the time.
    fn clock(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
        let now = self.begun.elapsed().as_nanos() as u64;
        let before = self.taken_at.swap(now, Ordering::SeqCst);
        if before > 0 {
            self.longest_gap.fetch_max(now.saturating_sub(before), Ordering::SeqCst);
        }
    }

    fn report(&self, deaths: Deaths) {
        let time = self.begun.elapsed();
        let gap = Duration::from_nanos(self.longest_gap.load(Ordering::SeqCst));
        let errors = self.owner_died.load(Ordering::SeqCst);
        let taken = self.taken.load(Ordering::SeqCst);
        println!("random kills: {deaths:?}, {errors} times OwnerDied, in {time:.1?};");
        println!("the lock was taken {taken} times, and by nobody for {gap:.1?} at most");
    }
}

/// The place of a worker.
#[derive(Default)]
struct Desk {
    address: AtomicUsize,
    seats: [Seat; THREADS],
}

impl Desk {
    fn has_worked(&self) -> bool {
        self.seats[0].turns.load(Ordering::SeqCst) > 0
    }

    fn address(&self) -> usize {
        self.address.load(Ordering::SeqCst)
    }
}

/// The place of a thread, with what it says of itself.
#[derive(Default)]
struct Seat {
    phase: AtomicU32,
    turns: AtomicU32,
}

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Phase(u32);

impl Phase {
    /// It has nothing to do with the lock.
    const OUT: Self = Self(0);
    /// It may have the lock, or not.
    const ON_THE_WAY: Self = Self(1);
    /// It has the lock.
    const HOLDS: Self = Self(2);
}

impl Seat {
    fn say(&self, phase: Phase) {
        self.phase.store(phase.0, Ordering::SeqCst);
    }

    /// What its tenant said last; it has none afterwards.
    fn leave(&self) -> Phase {
        Phase(self.phase.swap(Phase::OUT.0, Ordering::SeqCst))
    }

    /// The life of a thread.
    fn work(&self, mutex: &ShmMutex<Ledger>, board: &Board, who: u64) {
        const SHORT: Duration = Duration::from_micros(200);
        let mut dice = Dice::new(who);
        loop {
            self.say(Phase::ON_THE_WAY);
            let guard = match dice.below(8) {
                0 => board.enter(|| mutex.try_lock(), Some(self)),
                1 => board.enter(|| mutex.lock_timeout(SHORT), Some(self)),
                _ => board.enter(|| mutex.lock(), Some(self)),
            };
            if let Some(guard) = guard {
                let rounds = if dice.below(16) == 0 { 4000 } else { dice.below(40) };
                if !guard.add(who, rounds) {
                    board.intrusions.fetch_add(1, Ordering::SeqCst);
                }
                self.say(Phase::ON_THE_WAY);
            }
            self.say(Phase::OUT);
            self.turns.fetch_add(1, Ordering::SeqCst);
        }
    }
}
