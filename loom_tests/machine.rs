//! What a model runs on: a lock, its table, and processes that may be doomed.
#![expect(unsafe_code, reason = "loom's cells hand out pointers")]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};

use crate::sync::crash_point::CrashPoint;
use crate::sync::owner::{Owner, Word};
use crate::sync::participants::{Header, Participants, Process as Described, Slot, Stake};
use crate::sync::primitives::Instant;
use crate::sync::primitives::model::{self, Coverage, Killed};
use crate::sync::raw::{Applicant, Damage, RawLock, Refusal};

/// How far a model is explored, and what must have come to pass in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    name: &'static str,
    preemptions: Option<usize>,
    heals: bool,
    least: Coverage,
}

impl Model {
    /// A strict one: nobody looks by himself, and a lost wake is a deadlock.
    pub(crate) fn new(name: &'static str) -> Self {
        let least = Coverage { executions: 1, ..Coverage::default() };
        Self { name, preemptions: Some(3), heals: false, least }
    }

    /// How often threads may be interrupted where they need not be; `None` explores all.
    pub(crate) fn preemptions(self, preemptions: Option<usize>) -> Self {
        Self { preemptions, ..self }
    }

    /// Lets sleepers look by themselves, when nobody else can do anything.
    pub(crate) fn heals(self) -> Self {
        Self { heals: true, ..self }
    }

    /// The number of executions, at least: a model that has become vacuous has fewer.
    pub(crate) fn executions(self, executions: usize) -> Self {
        Self { least: Coverage { executions, ..self.least }, ..self }
    }

    /// How often somebody slept, at least, over all executions; and so on.
    pub(crate) fn sleeps(self, sleeps: usize) -> Self {
        Self { least: Coverage { sleeps, ..self.least }, ..self }
    }

    pub(crate) fn timeouts(self, timeouts: usize) -> Self {
        Self { least: Coverage { timeouts, ..self.least }, ..self }
    }

    pub(crate) fn deaths(self, deaths: usize) -> Self {
        Self { least: Coverage { deaths, ..self.least }, ..self }
    }

    pub(crate) fn steals(self, steals: usize) -> Self {
        Self { least: Coverage { steals, ..self.least }, ..self }
    }

    /// Explores `execution`; fails if one of its executions does, or if too little was reached.
    pub(crate) fn check(self, execution: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = self.preemptions;
        model::take_coverage();
        let heals = self.heals;
        let explored = catch_unwind(AssertUnwindSafe(|| {
            builder.check(move || {
                model::begin(heals);
                execution();
                model::end();
            });
        }));
        if let Err(failure) = explored {
            eprintln!("model {} failed after {:?}:", self.name, model::take_coverage());
            model::take_trace().iter().for_each(|event| eprintln!("    {event:?}"));
            resume_unwind(failure);
        }
        let reached = model::take_coverage();
        println!("model {}: {reached:?}", self.name);
        let pairs = [
            ("executions", reached.executions, self.least.executions),
            ("sleeps", reached.sleeps, self.least.sleeps),
            ("timeouts", reached.timeouts, self.least.timeouts),
            ("deaths", reached.deaths, self.least.deaths),
            ("steals", reached.steals, self.least.steals),
        ];
        for (what, reached, least) in pairs {
            assert!(reached >= least, "vacuous: {reached} {what}, at least {least} were expected");
        }
    }
}

/// Memory that processes share.
#[derive(Debug)]
pub(crate) struct Machine {
    header: Header,
    slots: Vec<Slot>,
    pub(crate) locks: [RawLock; 2],
    /// One for each lock: how often somebody has held it.
    counts: [UnsafeCell<u32>; 2],
}

/// A process that takes part.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) machine: Arc<Machine>,
    pub(crate) owner: Owner,
    stake: Stake,
    /// The number of its keeper's thread.
    keeper: u32,
    /// The number of the thread that runs, in this process.
    thread: u32,
}

impl Machine {
    /// One with a table of `slots` slots.
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self {
            header: Header::default(),
            slots: (0..slots).map(|_| Slot::default()).collect(),
            locks: [RawLock::new(), RawLock::new()],
            counts: [UnsafeCell::new(0), UnsafeCell::new(0)],
        })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn participants(&self) -> Participants<'_> {
        Participants::new(&self.header, &self.slots)
    }

    /// Joins the table, as a process whose keeper has the number `keeper`.
    pub(crate) fn join(self: &Arc<Self>, keeper: u32) -> Option<Process> {
        let stake = self.participants().stake()?;
        let described = Described { pid: keeper, start_seconds: 0 };
        let owner = self.participants().settle_in(stake, keeper, described)?;
        Some(Process { machine: Arc::clone(self), owner, stake, keeper, thread: 1 })
    }

    /// A machine with `N` processes, and `spare` slots for others.
    pub(crate) fn with_processes<const N: usize>(spare: usize) -> (Arc<Self>, [Process; N]) {
        let machine = Self::new(N + spare);
        let processes = core::array::from_fn(|index| machine.join(index as u32 + 100).unwrap());
        (machine, processes)
    }

    /// Adds one to the count of a lock, which the caller holds.
    pub(crate) fn count(&self, lock: usize) {
        // SAFETY: loom fails the model where two do so at once, or unordered.
        self.counts[lock].with_mut(|count| unsafe { *count += 1 });
    }

    /// Checks that all is as it should be when nobody runs any more.
    pub(crate) fn ends_with(&self, counts: [u32; 2]) {
        for (index, (lock, expected)) in self.locks.iter().zip(counts).enumerate() {
            assert_eq!(lock.owner(), None, "lock {index} is still held");
            // SAFETY: as above.
            let count = self.counts[index].with(|count| unsafe { *count });
            assert_eq!(count, expected, "lock {index} was held another number of times");
        }
    }
}

impl Process {
    /// The same process, as another thread of it.
    pub(crate) fn thread(self, thread: u32) -> Self {
        Self { thread, ..self }
    }

    /// Runs `body` as this process, which dies where it is doomed to.
    pub(crate) fn run(
        &self,
        doom: Option<CrashPoint>,
        body: impl FnOnce(&Self) + 'static,
    ) -> JoinHandle<()> {
        let process = self.clone();
        process_that(move || {
            if let Some(point) = doom {
                model::doom(point);
            }
            if let Err(payload) = killed_or_done(|| body(&process)) {
                drop(payload);
                process.dies();
            }
        })
    }

    /// What the kernel does when the process has died.
    pub(crate) fn dies(&self) {
        let participants = self.machine.participants();
        model::keeper_dies(participants.liveness(self.stake).unwrap(), self.keeper);
    }

    /// The word of a lock that it holds.
    pub(crate) fn word(&self) -> Word {
        Word::held_by(self.owner, self.thread)
    }

    pub(crate) fn applicant(&self) -> Applicant<'_> {
        let participants = self.machine.participants();
        Applicant { word: self.word(), participants }
    }

    /// Takes a lock; returns what became of its data before.
    pub(crate) fn lock(&self, lock: usize, until: Option<Instant>) -> Result<Damage, Refusal> {
        let raw = &self.machine.locks[lock];
        if !raw.take_free(self.word()) {
            raw.lock(self.applicant(), until)?;
        }
        if raw.damage() == Damage::OwnerDied {
            model::count_steal();
        }
        Ok(raw.damage())
    }

    pub(crate) fn unlock(&self, lock: usize) {
        self.machine.locks[lock].unlock(self.word());
    }

    /// Takes a lock, counts and gives it back; what an earlier owner has left is declared whole.
    pub(crate) fn count_under(&self, lock: usize) {
        if self.lock(lock, None).unwrap() != Damage::None {
            self.machine.locks[lock].set_damage(Damage::None);
        }
        self.machine.count(lock);
        self.unlock(lock);
    }
}

/// Starts a process of which nothing is known in the table.
pub(crate) fn process_that(body: impl FnOnce() + 'static) -> JoinHandle<()> {
    model::process_starts();
    thread::spawn(move || {
        body();
        model::process_ends();
    })
}

/// Runs `body` until it is done, or dies at a crash point.
pub(crate) fn killed_or_done(body: impl FnOnce()) -> Result<(), Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(body))
        .map_err(|payload| if payload.is::<Killed>() { payload } else { resume_unwind(payload) })
}

/// Waits for all of them to end.
pub(crate) fn join_all(processes: impl IntoIterator<Item = JoinHandle<()>>) {
    for process in processes {
        process.join().unwrap();
    }
}
