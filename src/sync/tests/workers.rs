//! Workers that take a lock again and again, and say on a board where they are.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::dice::Dice;
use super::ledger::Ledger;
use super::stage::Stage;
use crate::sync::guard::ShmMutexGuard;
use crate::sync::lock_error::{LockError, OwnerDied};
use crate::sync::mutex::ShmMutex;

/// How many there are.
pub(super) const WORKERS: usize = 4;
/// How many threads some of them have.
const THREADS: usize = 2;

pub(super) type Yard = Stage<Ledger, Board>;

/// The life of a worker.
pub(super) fn work(stage: &Yard, place: usize, born: u64) {
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
pub(super) struct Board {
    pub(super) begun: Instant,
    pub(super) desks: [Desk; WORKERS],
    /// How often the lock was taken.
    pub(super) taken: AtomicU64,
    /// When it was taken last, in nanoseconds.
    taken_at: AtomicU64,
    /// The longest time in which nobody took it, in nanoseconds.
    pub(super) longest_gap: AtomicU64,
    /// How often somebody was told of a dead owner.
    pub(super) owner_died: AtomicU32,
    /// How often somebody was not alone.
    pub(super) intrusions: AtomicU32,
    /// How often the data of a dead owner changed afterwards.
    pub(super) late_stores: AtomicU32,
}

impl Board {
    pub(super) fn new() -> Self {
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
    pub(super) fn enter<'a>(
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
}

/// The place of a worker.
#[derive(Default)]
pub(super) struct Desk {
    address: AtomicUsize,
    pub(super) seats: [Seat; THREADS],
}

impl Desk {
    pub(super) fn has_worked(&self) -> bool {
        self.seats[0].turns.load(Ordering::SeqCst) > 0
    }

    pub(super) fn address(&self) -> usize {
        self.address.load(Ordering::SeqCst)
    }
}

/// The place of a thread, with what it says of itself.
#[derive(Default)]
pub(super) struct Seat {
    phase: AtomicU32,
    turns: AtomicU32,
}

/// Where a thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Phase(u32);

impl Phase {
    /// It has nothing to do with the lock.
    pub(super) const OUT: Self = Self(0);
    /// It may have the lock, or not.
    const ON_THE_WAY: Self = Self(1);
    /// It has the lock.
    pub(super) const HOLDS: Self = Self(2);
}

impl Seat {
    fn say(&self, phase: Phase) {
        self.phase.store(phase.0, Ordering::SeqCst);
    }

    /// What its tenant said last; it has none afterwards.
    pub(super) fn leave(&self) -> Phase {
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
