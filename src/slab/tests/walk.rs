//! An operation, executed instruction by instruction. After each of them its process could die.

use super::fixed_tables::{FixedTables, Stage};
use super::one_processor::OneProcessor;
use super::owner::Live;
use super::phase::Phase;
use super::recovery::{Harm, live_of, recover};
use super::tracer::Traced;
use crate::slab::slab::Slab;

/// What is to be done, and what is right.
pub(super) struct Walk<'a> {
    pub(super) tables: &'a FixedTables,
    /// What is done in [`Phase::Acting`].
    pub(super) act: &'a dyn Fn(Slab<'_>),
    /// What is done in [`Phase::Finishing`].
    pub(super) finish: &'a dyn Fn(Slab<'_>),
    /// What is handed out before and after.
    pub(super) live: [Live; 2],
    /// The phase with the one instruction that makes all the difference.
    pub(super) decided_in: Phase,
}

/// What there was to be seen.
#[derive(Default)]
pub(super) struct Sights {
    /// How often the process stood still in the middle of the operation.
    pub(super) boundaries: u32,
    /// All that a death can leave, in order: those that follow each other differ.
    pub(super) leftovers: Vec<Box<FixedTables>>,
}

/// After so many instructions a death does harm.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) phase: Phase,
    pub(super) boundary: u32,
    pub(super) harm: Harm,
}

impl Walk<'_> {
    /// Does it in a process of its own, on tables that it shares. None where the system lets nobody
    /// trace.
    pub(super) fn go(&self, stage: &'static Stage) -> Option<Result<Sights, Fault>> {
        stage.tables.become_like(self.tables);
        stage.phases.enter(Phase::Ahead);
        let _near = OneProcessor::stay();
        let mut process = Traced::fork(|| {
            let slab = stage.tables.slab();
            stage.phases.enter(Phase::Acting);
            (self.act)(slab);
            stage.phases.enter(Phase::Finishing);
            (self.finish)(slab);
            stage.phases.enter(Phase::Over);
        })?;
        while stage.phases.now() == Phase::Ahead {
            assert!(process.step(), "it ends before it begins");
        }
        let mut watch = Watch::of(self);
        Some(loop {
            let phase = stage.phases.now();
            if let Err(harm) = watch.look(&stage.tables, phase) {
                break Err(Fault { phase, boundary: watch.sights.boundaries, harm });
            }
            if phase == Phase::Over {
                break Ok(watch.sights);
            }
            assert!(process.step(), "it ends before it is over");
        })
    }

    /// What the operation does where nobody looks.
    fn outcome(&self) -> Box<FixedTables> {
        let tables = self.tables.copy();
        (self.act)(tables.slab());
        (self.finish)(tables.slab());
        tables
    }
}

/// Somebody who looks on, and forgets nothing.
struct Watch<'a> {
    walk: &'a Walk<'a>,
    outcome: Box<FixedTables>,
    last: Phase,
    is_decided: bool,
    sights: Sights,
}

impl<'a> Watch<'a> {
    fn of(walk: &'a Walk<'a>) -> Self {
        let (last, sights) = (Phase::Ahead, Sights::default());
        Self { walk, outcome: walk.outcome(), last, is_decided: false, sights }
    }

    fn look(&mut self, tables: &FixedTables, phase: Phase) -> Result<(), Harm> {
        let is_news = self.sights.leftovers.last().is_none_or(|last| **last != *tables);
        if is_news {
            self.sights.leftovers.push(tables.copy());
        }
        if is_news || phase != self.last {
            self.judge(tables, phase)?;
        }
        self.last = phase;
        self.sights.boundaries += u32::from(phase != Phase::Over);
        Ok(())
    }

    fn judge(&mut self, tables: &FixedTables, phase: Phase) -> Result<(), Harm> {
        let recovered = recover(tables)?;
        let [is_before, is_after] = self.walk.live.each_ref().map(|live| recovered.live == *live);
        let is_right = if phase == self.walk.decided_in {
            is_after || is_before && !self.is_decided
        } else if phase < self.walk.decided_in {
            is_before
        } else {
            is_after
        };
        if !is_right {
            return Err(Harm::Live(recovered.live));
        }
        self.is_decided |= !is_before;
        // From the end of the first phase on the owner may have written to what he was given.
        let had = if phase == Phase::Acting { self.walk.tables } else { &self.outcome };
        if recovered.fresh < had.slab().header.fresh.get() {
            return Err(Harm::Fresh(recovered.fresh));
        }
        if phase == Phase::Over { self.judge_outcome(tables) } else { Ok(()) }
    }

    /// Without a death there is nothing to be put in order.
    fn judge_outcome(&self, tables: &FixedTables) -> Result<(), Harm> {
        let live = live_of(tables.slab())?;
        if live != self.walk.live[1] {
            return Err(Harm::Live(live));
        }
        if *tables == *self.outcome { Ok(()) } else { Err(Harm::Strange) }
    }
}
