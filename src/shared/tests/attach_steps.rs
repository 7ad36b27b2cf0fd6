//! A process that attaches a heap and one that leaves it, instruction by instruction: after each it could die.
#![expect(unsafe_code, reason = "leaves a heap, and finds locks in a copy")]

use core::mem::{self, forget};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::iter;
use std::time::Instant;

use super::stage::{Recovered, Stage};
use super::troupe::Troupe;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::heap::attached::Attached;
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::stand_still;
use crate::sync::lock_error::LockError;
use crate::sync::membership;
use crate::sync::mutex::ShmMutex;
use crate::sync::owner::Owner;
use crate::sync::participants::{Life, OWNER_DIED, Process, SLEEPERS};
use crate::sys::tests::child::{Child, Ending};
use crate::sys::tests::left_out::left_out;

/// How many processes there may be besides this one.
const OTHERS: usize = 3;

/// How far the process is that attaches the heap and leaves it.
const ATTACHING: u32 = 1;
const STAYING: u32 = 2;
const LEAVING: u32 = 3;
const GONE: u32 = 4;

/// A heap in which each slot but this process's was a dead one's, who has held a lock.
struct Scene {
    stage: Stage,
    dead: Vec<Owner>,
    locks: Vec<ShmBox<ShmMutex<u64>>>,
    /// What there is in the heap, whoever comes and goes.
    before: Recovered,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::new(96 << 10);
        let lock = |_| ShmMutex::new_in(0_u64, &stage.heap).unwrap();
        let locks: Vec<_> = (0..OTHERS).map(lock).collect();
        let dead = locks.iter().map(|lock| die_with(&stage, lock)).collect();
        let before = stage.look().unwrap();
        Self { stage, dead, locks, before }
    }

    /// The life of a process that attaches the heap, finds a root in it, and leaves.
    fn visit(&self) {
        let Stage { heap, notes, .. } = &self.stage;
        let descriptor = heap.attached.memory.descriptor().unwrap().try_clone_to_owned().unwrap();
        // Else it would have the heap already.
        heap.attached.forget();
        notes.phase.swap(ATTACHING, Ordering::AcqRel);
        let heap = SharedHeap::from_fd(descriptor).unwrap();
        notes.phase.swap(STAYING, Ordering::AcqRel);
        heap.root_or_insert_with("a root", || 7_u64).unwrap();
        notes.phase.swap(LEAVING, Ordering::AcqRel);
        stand_still();
        // SAFETY: nothing that lies in it is used from here on.
        unsafe { heap.detach() };
        notes.phase.swap(GONE, Ordering::AcqRel);
    }

    /// Steps through a visit, and looks at each state of the heap what a death there leaves; or ends it in
    /// the state with a number, to look at what is left then. Returns how many states there were; none where
    /// the system lets nobody trace.
    fn walk(&self, deadly: Option<u32>) -> Option<u32> {
        let _near = OneProcessor::stay();
        self.stage.notes.phase.store(0, Ordering::Relaxed);
        let visitor = Troupe::fork(|| self.visit())?;
        let mut walk = Walk {
            scene: self,
            deadly,
            visitor,
            seen: Seen::default(),
            states: 0,
            steps: [[0; 2]; 5],
        };
        while walk.seen.phase < GONE && deadly != Some(walk.states) {
            walk.step();
        }
        let (attaching, leaving) = (walk.steps[ATTACHING as usize], walk.steps[LEAVING as usize]);
        if deadly.is_none() {
            println!(
                "steps of the process and of its keeper: {attaching:?} to attach, {leaving:?} to leave"
            );
            assert!(attaching.iter().chain(&leaving).all(|&steps| steps > 10));
            assert_eq!(self.alive(), 1, "it has left, and lives");
        }
        Some(walk.states)
    }

    /// Nobody is taken for one who had his slot before.
    fn assert_dead_are_dead(&self, attached: &Attached) {
        let table = attached.attachment.table;
        assert!(!self.dead.iter().any(|&owner| table.is_alive(owner)), "one is risen");
    }

    /// How many participants live.
    fn alive(&self) -> usize {
        let tenants = self.stage.heap.attached.attachment.table.tenants();
        tenants.filter(|tenant| tenant.life == Life::Alive).count()
    }

    /// Has the kernel mark words in a copy, and looks whether all is there that was, and room for as many
    /// others as ever.
    fn assert_whole_without(&self, testament: &[usize], place: &str) {
        self.stage.renew_copy();
        let heap = SharedHeap { attached: self.stage.copy };
        for &offset in testament {
            let word: &AtomicU32 = at(heap.attached, offset);
            let sleepers = word.load(Ordering::Relaxed) & SLEEPERS;
            word.store(sleepers | OWNER_DIED, Ordering::Relaxed);
        }
        heap.reap();
        assert_eq!(self.stage.look_at(heap.attached), Ok(self.before.clone()), "{place}");
        heap.check().unwrap_or_else(|damage| panic!("{place}: {damage}"));
        let table = heap.attached.attachment.table;
        // As he does who finds the table full for as long as anybody takes to move in.
        for stake in table.stakes() {
            table.remove(stake);
        }
        let process = Process { pid: 1, start_seconds: 1 };
        let stakes = iter::from_fn(|| table.stake());
        let owners: Vec<_> =
            stakes.map(|stake| table.settle_in(stake, 1, process).unwrap()).collect();
        assert_eq!(owners.len(), OTHERS, "{place}: a slot is lost");
        assert!(owners.iter().all(|&owner| table.is_alive(owner)), "{place}");
        self.assert_dead_are_dead(heap.attached);
        for lock in &self.locks {
            let offset = self.stage.heap.attached.offset_of(ptr::from_ref(&**lock).addr()).unwrap();
            let lock: &ShmMutex<u64> = at(heap.attached, offset);
            let taken = lock.try_lock();
            assert!(matches!(taken, Err(LockError::OwnerDied(_))), "{place}: {taken:?}");
        }
        heap.check().unwrap_or_else(|damage| panic!("{place}: {damage}"));
    }
}

/// A visit under way.
struct Walk<'a> {
    scene: &'a Scene,
    /// The number of the state that is the visitor's last.
    deadly: Option<u32>,
    visitor: Troupe,
    /// What there was when it was last looked at.
    seen: Seen,
    states: u32,
    /// By phase: those of the process, and those of its keeper.
    steps: [[u32; 2]; 5],
}

#[derive(Default)]
struct Seen {
    phase: u32,
    bytes: Vec<u8>,
    /// See [`Troupe::testament`].
    testament: Vec<usize>,
}

impl Walk<'_> {
    fn step(&mut self) {
        let before = self.seen.phase;
        // The walk that ends nowhere says that the process by itself changes nothing before it leaves.
        let is_skipped = self.deadly.is_some() && before < LEAVING;
        let went = if is_skipped { self.visitor.run() } else { self.visitor.step() };
        let thread = went.expect("it ends before it is over");
        self.steps[before as usize][thread.min(1)] += 1;
        let Scene { stage, .. } = self.scene;
        self.seen.phase = stage.notes.phase.load(Ordering::Acquire);
        if before < LEAVING && self.seen.phase == LEAVING {
            assert_eq!(self.scene.alive(), 2, "it has attached the heap");
            stage.heap.remove_root::<u64>("a root").unwrap();
        }
        let is_other = self.seen.bytes != stage.bytes();
        // Only the keeper itself changes its list.
        if is_other || thread > 0 {
            let testament = mem::replace(&mut self.seen.testament, self.visitor.testament());
            self.seen.bytes = stage.bytes().to_vec();
            if is_other || testament != self.seen.testament {
                self.look();
            }
        }
    }

    /// Looks at a state that was not there before.
    fn look(&mut self) {
        let Seen { phase, testament, .. } = &self.seen;
        self.scene.assert_dead_are_dead(self.scene.stage.heap.attached);
        if !matches!(*phase, ATTACHING | LEAVING | GONE) {
            return;
        }
        self.states += 1;
        if self.deadly.is_none() {
            let place = format!("phase {phase}, after {:?} steps", self.steps[*phase as usize]);
            self.scene.assert_whole_without(testament, &place);
        }
    }
}

/// Has a process attach the heap, take a lock there and die. Returns who it was.
fn die_with(stage: &Stage, lock: &ShmMutex<u64>) -> Owner {
    let Stage { heap, notes, .. } = stage;
    let mut process = Child::fork(|| {
        let offset = heap.attached.offset_of(ptr::from_ref(lock).addr()).unwrap();
        let descriptor = heap.attached.memory.descriptor().unwrap().try_clone_to_owned().unwrap();
        heap.attached.forget();
        let attached = SharedHeap::from_fd(descriptor).unwrap().attached;
        let owner = membership::join(attached.attachment).unwrap();
        notes.owner.store(owner.bits(), Ordering::Relaxed);
        forget(at::<ShmMutex<u64>>(attached, offset).lock().unwrap());
    });
    assert_eq!(process.end(), Ending::WELL);
    Owner::from_bits(stage.notes.owner.load(Ordering::Relaxed)).unwrap()
}

/// Something of any bytes, or that was written there.
fn at<T>(attached: &Attached, offset: usize) -> &T {
    let place = attached.region.at(offset, size_of::<T>()).unwrap();
    // SAFETY: it lies there, says the caller, and is mapped for good.
    unsafe { place.cast().as_ref() }
}

#[test]
fn who_attaches_and_leaves_takes_nothing_along_whichever_instruction_is_the_last() {
    let scene = Scene::new();
    let begun = Instant::now();
    // The first has to free the slots of the dead, and the others find them free.
    for _ in 0..2 {
        let Some(states) = scene.walk(None) else {
            left_out("the system lets nobody trace");
            return;
        };
        assert!(states > 5);
        scene.stage.heap.reap();
    }
    println!("{:.1?}", begun.elapsed());
}

#[test]
fn who_is_killed_as_it_attaches_or_leaves_takes_nothing_along() {
    let scene = Scene::new();
    scene.stage.heap.reap();
    for deadly in 1.. {
        let Some(states) = scene.walk(Some(deadly)) else {
            left_out("the system lets nobody trace");
            return;
        };
        scene.assert_whole_without(&[], &format!("killed in state {deadly}"));
        if states < deadly {
            println!("killed in {states} states");
            break;
        }
        let table = scene.stage.heap.attached.attachment.table;
        for stake in table.stakes() {
            table.remove(stake);
        }
        scene.stage.heap.reap();
    }
}
