//! A death after any machine instruction leaves what was before an operation, or what is after it.

use core::cmp::Reverse;
use std::time::Instant;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::fixed_tables::{FixedTables, Stage};
use super::layout::{lay_out, runs_of};
use super::operation::Operation;
use super::owner::Owner;
use super::phase::Phase;
use super::recovery::recover;
use super::scenes::{self, Scene, Story};
use super::walk::{Sights, Walk};
use crate::geometry::PAGE_BYTES;
use crate::sys::tests::left_out::left_out;

/// Every operation takes more instructions than this, and all scenes together more than that.
const FEW: u32 = 20;
const MANY: u32 = 5_000;

/// So many leftovers are put in order step by step, which takes long where nothing is optimized.
const PUT_IN_ORDER: usize = if cfg!(debug_assertions) { 3 } else { 100 };

/// So many operations are stepped through, with as many as `BETWEEN` before each.
const AT_RANDOM: usize = if cfg!(debug_assertions) { 100 } else { 1000 };
const BETWEEN: usize = 7;
/// Of so many, what one has left is put in order step by step.
const DYING_AGAIN: usize = if cfg!(debug_assertions) { 50 } else { 10 };

const SCENES: [&[Scene]; 5] = [
    scenes::BLOCKS_COME,
    scenes::BLOCKS_GO,
    scenes::PAGES_COME,
    scenes::PAGES_GO,
    scenes::PAGES_STAY,
];

#[test]
fn an_operation_is_done_or_not_whichever_instruction_is_the_last() {
    play_all("operations", |stage| {
        let scenes = SCENES.into_iter().flatten();
        scenes.map(|scene| Some(play(stage, scene)?.boundaries)).collect()
    });
}

#[test]
fn so_is_each_of_those_that_follow_each_other() {
    play_all("operations in turn", |stage| {
        let stories = scenes::STORIES.iter().map(|story| play_in_turn(stage, story));
        stories.collect::<Option<Vec<_>>>().map(|boundaries| boundaries.concat())
    });
}

#[test]
fn so_is_each_of_many_on_what_many_others_have_left() {
    play_all("random operations", |stage| {
        let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut owner = Owner::new();
        let mut step = |number: usize| {
            for _ in 0..BETWEEN {
                owner.perform(any_operation(&owner, &mut random));
            }
            let operation = any_operation(&owner, &mut random);
            let sights = perform(stage, &mut owner, operation)?;
            if number % DYING_AGAIN == 0 {
                let which = random.random_range(0..sights.leftovers.len());
                put_in_order(stage, &sights.leftovers[which])?;
            }
            Some(sights.boundaries)
        };
        (0..AT_RANDOM).map(&mut step).collect()
    });
}

#[test]
fn putting_in_order_can_be_cut_short_and_begun_again() {
    play_all("recoveries", |stage| {
        let scenes = SCENES.into_iter().flatten();
        let sights: Option<Vec<_>> = scenes.map(|scene| play(stage, scene)).collect();
        let mut leftovers: Vec<_> = sights?.into_iter().flat_map(|it| it.leftovers).collect();
        // Those first of whose runs the most go away.
        leftovers.sort_by_key(|leftover| Reverse(runs_put_away(leftover)));
        let first = leftovers.iter().take(PUT_IN_ORDER);
        first.map(|leftover| Some(put_in_order(stage, leftover)?.boundaries)).collect()
    });
}

/// How many runs fewer there are when a slab is in order again.
fn runs_put_away(leftover: &FixedTables) -> usize {
    let runs = runs_of(leftover.slab()).expect("seen before");
    let left = recover(leftover).expect("seen before").runs;
    runs.len().saturating_sub(left.len())
}

/// Tells at how many boundaries what was done could be seen; `play` counts them, for each thing done.
fn play_all(what: &str, play: impl FnOnce(&'static Stage) -> Option<Vec<u32>>) {
    let begun = Instant::now();
    let Some(boundaries) = play(Stage::share()) else {
        left_out("the system lets nobody trace");
        return;
    };
    let (count, sum) = (boundaries.len(), boundaries.iter().sum::<u32>());
    println!("{count} {what}, {sum} boundaries in {:.1?}", begun.elapsed());
    assert!(boundaries.iter().all(|&boundaries| boundaries > FEW), "{boundaries:?}");
    assert!(sum > MANY);
}

/// One that may come next. More is taken than given back, where there is room.
fn any_operation(owner: &Owner, random: &mut TestRng) -> Operation {
    /// Few classes, so that there are many runs of each; and pages.
    const BYTES: [usize; 6] = [1024, 1024, 2048, 7168, 3 * PAGE_BYTES, 9 * PAGE_BYTES];
    let live = owner.live();
    let bytes = BYTES[random.random_range(0..BYTES.len())];
    let which = random.random_range(0..live.len().max(1) * 2);
    match live.get(which) {
        None => Operation::Allocate { bytes, align: 1 },
        Some(&(offset, had)) if had > 8 * PAGE_BYTES && random.random() => {
            let pages = random.random_range(8..14);
            Operation::Resize { offset, bytes: pages * PAGE_BYTES }
        }
        Some(&(offset, _)) => Operation::Free { offset },
    }
}

/// Plays a scene to its end. None where that is not permitted.
fn play(stage: &'static Stage, scene: &Scene) -> Option<Sights> {
    let (before, operation, after) = *scene;
    let mut owner = lay_out(before);
    let sights = perform(stage, &mut owner, operation)?;
    assert_eq!(runs_of(owner.tables().slab()).as_deref(), Ok(after), "{scene:?}");
    Some(sights)
}

/// Plays operations to the end of the last, each on what the ones before it have left.
fn play_in_turn(stage: &'static Stage, story: &Story) -> Option<Vec<u32>> {
    let (before, operations, after) = *story;
    let mut owner = lay_out(before);
    let steps = operations.iter().map(|&operation| perform(stage, &mut owner, operation));
    let boundaries = steps.map(|sights| Some(sights?.boundaries)).collect::<Option<_>>()?;
    assert_eq!(runs_of(owner.tables().slab()).as_deref(), Ok(after), "{story:?}");
    Some(boundaries)
}

/// Walks through an operation, and leaves the owner with what comes of it.
fn perform(stage: &'static Stage, owner: &mut Owner, operation: Operation) -> Option<Sights> {
    let mut later = owner.clone();
    later.perform(operation);
    let walk = Walk {
        tables: owner.tables(),
        act: &|slab| _ = operation.act(slab),
        finish: &|slab| operation.finish(slab),
        live: [owner.live(), later.live()],
        decided_in: operation.decided_in(),
    };
    let sights = walk.go(stage)?;
    let runs = runs_of(owner.tables().slab());
    *owner = later;
    Some(sights.unwrap_or_else(|fault| panic!("{operation:?} on {runs:?}: {fault:?}")))
}

/// Puts in order what an operation has left. However far that comes, the next time ends the same way.
fn put_in_order(stage: &'static Stage, leftover: &FixedTables) -> Option<Sights> {
    let live = recover(leftover).expect("seen before").live;
    let walk = Walk {
        tables: leftover,
        act: &|slab| slab.recover().expect("seen before"),
        finish: &|_| (),
        live: [live.clone(), live],
        decided_in: Phase::Acting,
    };
    let runs = runs_of(leftover.slab());
    Some(walk.go(stage)?.unwrap_or_else(|fault| panic!("after {runs:?}: {fault:?}")))
}
