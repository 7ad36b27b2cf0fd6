//! Roots that own something, instruction by instruction: after each the process could die.
#![forbid(unsafe_code)]

use core::alloc::Layout;

use super::stage::Stage;
use super::tour::Tour;
use crate::shared::access::root_error::RootError;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::sync::owner::Owner;
use crate::sys::tests::child::{Child, Ending};

/// What has to be dropped: a number in a block of its own.
type Number = ShmBox<u64>;

/// How many blocks are there, and the names of the roots.
type Left = (usize, Vec<String>);

const BYTES: usize = 64 << 10;

fn number(heap: &SharedHeap) -> Number {
    ShmBox::new_in(7, heap).unwrap()
}

fn make(heap: &SharedHeap) {
    heap.root_or_insert_with("a root", || number(heap)).unwrap();
}

fn remove(heap: &SharedHeap) {
    heap.remove_root::<Number>("a root").unwrap();
}

/// Blocks alone.
fn lost(blocks: usize) -> Left {
    (blocks, vec![])
}

/// The root, and what it owns; and blocks besides.
fn there(besides: usize) -> Left {
    (2 + besides, vec!["a root".into()])
}

impl Tour<'_> {
    /// What is left when somebody has put the heap in order who knows how to drop numbers.
    fn walk_and_reap(&mut self, stage: &Stage, name: &'static str, act: impl Fn(), left: &[Left]) {
        assert!(stage.heap.remove_root::<Number>("no root").is_err());
        let look = || {
            stage.without_worker(|| {
                stage.look()?;
                stage.heap.reap();
                stage.look().map(|recovered| (recovered.live.len(), recovered.roots))
            })
        };
        let seen = self.see(name, look, act);
        assert!(seen.as_deref().is_none_or(|seen| seen == left), "{name}: {seen:#?}");
    }
}

/// Has a process that has found a root remove it, and die.
fn die_removing(act: impl FnOnce()) {
    assert_eq!(Child::fork(act).end(), Ending::WELL);
}

/// Has a process make a root and remove it, and die.
fn die_removing_a_root_of(heap: &SharedHeap) {
    die_removing(|| {
        make(heap);
        remove(heap);
    });
}

#[test]
fn a_root_that_owns_something_is_made_and_dropped_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let made = [lost(0), lost(1), there(0)];
    tour.walk_and_reap(&stage, "it is made", || make(heap), &made);
    let found = || _ = heap.root::<Number>("a root").unwrap();
    tour.walk_and_reap(&stage, "it is found", found, &[there(0)]);
    // Removed, others drop it; who dies dropping it leaves what it owns to nobody.
    let removed = [there(0), lost(0), lost(1), lost(0)];
    tour.walk_and_reap(&stage, "it is removed", || remove(heap), &removed);
}

#[test]
fn a_root_that_another_was_first_to_make_leaves_nothing_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let beaten = || {
        let make_late = || {
            make(heap);
            number(heap)
        };
        heap.root_or_insert_with("a root", make_late).unwrap();
    };
    let left = [lost(0), lost(1), there(0), there(1), there(0)];
    tour.walk_and_reap(&stage, "another is first", beaten, &left);
}

#[test]
fn a_root_whose_maker_fails_leaves_nothing_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let fail = || {
        let make = || -> Result<Number, RootError> {
            drop(number(heap));
            Err(RootError::Full)
        };
        assert!(heap.root_or_try_insert_with("a root", make).is_err());
    };
    tour.walk_and_reap(&stage, "its maker fails", fail, &[lost(0), lost(1), lost(0)]);
    let misname = || _ = heap.root_or_insert_with("", || 7_u64).unwrap_err();
    tour.walk_and_reap(&stage, "it has no name", misname, &[lost(0)]);
}

#[test]
fn what_the_dead_have_removed_is_dropped_once_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    die_removing_a_root_of(heap);
    let lose_block = || {
        let block = heap.attached.insert([7_u64; 100]).ok().unwrap();
        heap.attached.head.flights[5].begin(Owner::new(3, 1), heap.attached.slab_offset(block));
    };
    lose_block();
    // What is dropped is lost with who drops it. All else is put in order by whoever is next.
    let left = [lost(0), lost(1), lost(0)];
    tour.walk_and_reap(&stage, "it is reaped", || _ = heap.reap(), &left);
}

#[test]
fn what_the_dead_were_dropping_is_left_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    die_removing_a_root_of(heap);
    let dead = Owner::new(3, 1);
    assert!(heap.attached.hold().unwrap().free_removed(dead, |_| true).is_some());
    tour.walk_and_reap(&stage, "its record is freed", || _ = heap.reap(), &[lost(1)]);
}

#[test]
fn room_is_made_of_removed_roots_or_not_whichever_instruction_is_the_last() {
    /// More than what else is there has room for.
    const VALUE: [u64; 300] = [7; 300];
    let stage = Stage::new(40 << 10);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    die_removing(|| {
        heap.root_or_insert_with("old", || VALUE).unwrap();
        heap.remove_root::<[u64; 300]>("old").unwrap();
    });
    while heap.alloc_layout(Layout::new::<[u8; 4096]>()).is_ok() {}
    while heap.alloc_layout(Layout::for_value(&VALUE)).is_ok() {}
    let roots = || Ok(stage.recover()?.roots);
    let seen = tour.see("a root takes the place of another", roots, || {
        heap.root_or_insert_with("new", || VALUE).unwrap();
    });
    let left = [vec!["-old"], vec![], vec!["new"]];
    assert!(seen.as_deref().is_none_or(|seen| seen == left), "{seen:?}");
}
