//! Walks through operations on a heap, one after another, by one instruction at a time.
#![forbid(unsafe_code)]

use core::ptr;
use core::sync::atomic::Ordering;
use std::time::Instant;

use super::stage::{Recovered, Stage};
use crate::shared::heap::attached::Attached;
use crate::shared::heap::heap_damage::HeapDamage;
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::{Traced, stand_still};
use crate::sync::membership;
use crate::sys::tests::child::{Child, Ending};
use crate::sys::tests::left_out::left_out;

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

    /// A death leaves what was before or what is after.
    pub(super) fn walk(&mut self, name: &'static str, act: impl Fn()) {
        self.walk_besides(name, vec![], act);
    }

    /// A death leaves what was before, what is after, or something that does no harm, as what the dead process
    /// alone had is gone.
    pub(super) fn walk_besides(
        &mut self,
        name: &'static str,
        besides: Vec<Recovered>,
        act: impl Fn(),
    ) {
        let stage = self.stage;
        let before = stage.look().unwrap();
        let Some(seen) = self.see(name, || stage.recover(), act) else { return };
        let after = stage.look().unwrap();
        let allowed =
            |state: &Recovered| *state == before || *state == after || besides.contains(state);
        for state in &seen {
            assert!(allowed(state), "{name}: {state:#?} is neither {before:#?} nor {after:#?}");
        }
        assert_eq!(seen.first(), Some(&before), "{name}");
        assert_eq!(seen.last(), Some(&after), "{name}");
        assert!(seen.len() <= 2 + besides.len(), "{name}: it goes back and forth: {seen:#?}");
    }

    /// Returns what a death leaves, as `look` sees it, in order: what follows each other differs. None where the
    /// system lets nobody trace: then it is done, and nobody looks.
    pub(super) fn see<T: PartialEq>(
        &mut self,
        name: &'static str,
        look: impl Fn() -> Result<T, HeapDamage>,
        act: impl Fn(),
    ) -> Option<Vec<T>> {
        let stage = self.stage;
        let _near = OneProcessor::stay();
        let Some(mut process) = stage.send(&act) else {
            left_out(&format!("the system lets nobody trace: nobody looks at {name}"));
            let mut process = Child::fork(|| {
                stage.forget_others();
                act();
            });
            assert_eq!(process.end(), Ending::WELL, "{name}");
            stage.heap.reap();
            return None;
        };
        assert!(process.run(), "{name}: it ends before it begins");
        let mut seen: Vec<T> = vec![];
        let mut last = (vec![], None);
        let mut boundaries = 0;
        loop {
            let phase = stage.notes.phase.load(Ordering::Acquire);
            if phase > 0 && (last.0 != stage.bytes() || last.1 != stage.word_elsewhere()) {
                last = (stage.bytes().to_vec(), stage.word_elsewhere());
                let left = look();
                let left = left
                    .unwrap_or_else(|damage| panic!("{name}, boundary {boundaries}: {damage:?}"));
                if seen.last() != Some(&left) {
                    seen.push(left);
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
        self.boundaries += boundaries;
        Some(seen)
    }
}

impl Drop for Tour<'_> {
    fn drop(&mut self) {
        println!("{} boundaries in {:.1?}", self.boundaries, self.begun.elapsed());
    }
}

impl Stage {
    /// What is left in the heaps of other tests, a process of this one is not to settle.
    fn forget_others(&self) {
        let others = Attached::all().filter(|other| !ptr::eq(*other, self.heap.attached));
        others.for_each(|other| other.attachment.forget());
    }

    /// Has a process take part in the heap, stand still, and do something.
    fn send(&self, act: impl Fn()) -> Option<Traced> {
        self.notes.phase.store(0, Ordering::Relaxed);
        self.notes.owner.store(0, Ordering::Relaxed);
        Traced::fork(|| {
            let attached = self.heap.attached;
            self.forget_others();
            let owner = membership::join(attached.attachment).unwrap();
            // The thread's first lock is another way.
            drop(attached.hold());
            self.notes.owner.store(owner.bits(), Ordering::Relaxed);
            stand_still();
            self.notes.phase.swap(1, Ordering::AcqRel);
            act();
            self.notes.phase.swap(2, Ordering::AcqRel);
        })
    }
}
