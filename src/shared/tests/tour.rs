//! Walks through operations on a heap, one after another, by one instruction at a time.
#![forbid(unsafe_code)]

use core::sync::atomic::Ordering;
use std::time::Instant;

use super::stage::{Recovered, Stage};
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::{Traced, stand_still};
use crate::sync::membership;

/// What may be left of an operation: what was before, what is after, and what else.
struct Walk<'a> {
    stage: &'a Stage,
    name: &'static str,
    act: &'a dyn Fn(),
    /// What is neither before nor after, and does no harm: what a dead process alone had is gone.
    besides: Vec<Recovered>,
}

impl Walk<'_> {
    /// Returns how many boundaries were seen; none where the system lets nobody trace.
    fn go(self) -> Option<u32> {
        let Self { stage, name, act, besides } = self;
        let before = stage.look().unwrap();
        let _near = OneProcessor::stay();
        stage.notes.phase.store(0, Ordering::Relaxed);
        stage.notes.owner.store(0, Ordering::Relaxed);
        let mut process = Traced::fork(|| {
            let owner = membership::join(stage.heap.attached.attachment).unwrap();
            // The thread's first lock is another way.
            drop(stage.heap.attached.hold());
            stage.notes.owner.store(owner.bits(), Ordering::Relaxed);
            stand_still();
            stage.notes.phase.swap(1, Ordering::AcqRel);
            act();
            stage.notes.phase.swap(2, Ordering::AcqRel);
        })?;
        assert!(process.run(), "{name}: it ends before it begins");
        let mut boundaries = 0;
        let mut seen: Vec<Recovered> = vec![];
        let mut last: Vec<u8> = vec![];
        loop {
            let phase = stage.notes.phase.load(Ordering::Acquire);
            if phase > 0 && last != stage.bytes() {
                last = stage.bytes().to_vec();
                let recovered = stage.recover();
                let recovered = recovered
                    .unwrap_or_else(|damage| panic!("{name}, boundary {boundaries}: {damage:?}"));
                if seen.last() != Some(&recovered) {
                    seen.push(recovered);
                }
            }
            if phase == 2 {
                break;
            }
            assert!(process.step(), "{name}: it ends before it is over");
            boundaries += u32::from(phase == 1);
        }
        drop(process);
        stage.heap.reap();
        let after = stage.look().unwrap();
        let allowed =
            |state: &Recovered| *state == before || *state == after || besides.contains(state);
        for state in &seen {
            assert!(allowed(state), "{name}: {state:#?} is neither {before:#?} nor {after:#?}");
        }
        assert_eq!(seen.first(), Some(&before), "{name}");
        assert_eq!(seen.last(), Some(&after), "{name}");
        assert!(seen.len() <= 2 + besides.len(), "{name}: it goes back and forth: {seen:#?}");
        Some(boundaries)
    }
}

/// Walks through one operation after another, each on what the one before has left.
pub(super) struct Tour<'a> {
    stage: &'a Stage,
    boundaries: u32,
    begun: Instant,
}

impl<'a> Tour<'a> {
    pub(super) fn of(stage: &'a Stage) -> Self {
        Self { stage, boundaries: 0, begun: Instant::now() }
    }

    pub(super) fn walk(&mut self, name: &'static str, act: impl Fn()) {
        self.walk_besides(name, vec![], act);
    }

    pub(super) fn walk_besides(
        &mut self,
        name: &'static str,
        besides: Vec<Recovered>,
        act: impl Fn(),
    ) {
        let walk = Walk { stage: self.stage, name, act: &act, besides };
        match walk.go() {
            Some(boundaries) => self.boundaries += boundaries,
            None => println!("the system lets nobody trace: left out"),
        }
    }
}

impl Drop for Tour<'_> {
    fn drop(&mut self) {
        println!("{} boundaries in {:.1?}", self.boundaries, self.begun.elapsed());
    }
}
