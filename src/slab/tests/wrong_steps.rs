//! Operations with mistakes: the tests that walk through the right ones would see each of these.

use std::process;

use super::fixed_tables::Stage;
use super::layout::Run::{self, Blocks, Free, Whole};
use super::layout::lay_out;
use super::operation::Operation;
use super::owner::Live;
use super::recovery::Harm;
use super::walk::Walk;
use crate::geometry::PAGE_BYTES;
use crate::slab::damage::Damage;
use crate::slab::page::{NONE, Word};
use crate::slab::slab::Slab;
use crate::sys::tests::left_out::left_out;

const FREE_FIRST: Operation = Operation::Free { offset: 0 };

/// What comes of a walk through `act`, which is to do what `right` does.
fn walk(runs: &[Run], right: Operation, act: &dyn Fn(Slab<'_>)) -> Option<Result<(), Harm>> {
    let owner = lay_out(runs);
    let mut later = owner.clone();
    later.perform(right);
    let walk = Walk {
        tables: owner.tables(),
        act,
        finish: &|_| (),
        live: [owner.live(), later.live()],
        decided_in: right.decided_in(),
    };
    Some(walk.go(Stage::share())?.map(drop).map_err(|fault| fault.harm))
}

/// Passes, too, where the system lets nobody trace.
#[track_caller]
fn assert_found(found: Option<Result<(), Harm>>, harm: Harm) {
    match found {
        Some(found) => assert_eq!(found, Err(harm)),
        None => left_out("the system lets nobody trace"),
    }
}

#[test]
fn two_stores_the_wrong_way_round_are_seen() {
    let shrink = Operation::Resize { offset: 0, bytes: 12 * PAGE_BYTES };
    let shorten = |slab: Slab<'_>| slab.page(0).commit(Word::whole(12));
    let free_rest = |slab: Slab<'_>| slab.page(12).commit(Word::free(28));
    let begin = |slab: Slab<'_>| slab.header.journal.begin_pages([0, 12, NONE]);
    let right_way = walk(&[Whole(40)], shrink, &|slab| {
        begin(slab);
        free_rest(slab);
        shorten(slab);
        slab.recover().expect("they are a slab's");
    });
    assert!(right_way.is_none_or(|found| found == Ok(())));
    let wrong_way = walk(&[Whole(40)], shrink, &|slab| {
        begin(slab);
        shorten(slab);
        free_rest(slab);
    });
    assert_found(wrong_way, Harm::Damaged(Damage::NoRun { page: 12, word: Word::INSIDE }));
}

#[test]
fn a_block_that_is_lost_with_its_process_is_seen() {
    let allocate = Operation::Allocate { bytes: 1024, align: 1 };
    let found = walk(&[Free(40)], allocate, &|slab| {
        _ = allocate.act(slab);
        // Before the owner has it.
        slab.done();
    });
    assert_found(found, Harm::Live(vec![(0, 1024)]));
}

#[test]
fn a_block_that_is_gone_and_comes_back_is_seen() {
    let found = walk(&[Blocks(1024, 1), Free(39)], FREE_FIRST, &|slab| {
        slab.header.pending.note(0);
        slab.header.pending.clear();
        _ = FREE_FIRST.act(slab);
    });
    assert_found(found, Harm::Live(vec![(0, 1024)]));
}

#[test]
fn a_block_that_is_not_freed_in_the_end_is_seen() {
    let live: Live = vec![(0, 1024)];
    let found = walk(&[Blocks(1024, 1), Free(39)], FREE_FIRST, &|_| ());
    assert_found(found, Harm::Live(live));
}

#[test]
fn pages_that_are_said_to_be_fresh_and_are_not_are_seen() {
    let found = walk(&[Whole(3), Free(37)], FREE_FIRST, &|slab| {
        _ = FREE_FIRST.act(slab);
        slab.header.fresh.set(2);
    });
    assert_found(found, Harm::Fresh(2));
}

#[test]
fn lists_that_are_not_kept_are_seen() {
    let found =
        walk(&[Whole(1), Whole(39)], FREE_FIRST, &|slab| slab.page(0).commit(Word::free(1)));
    assert_found(found, Harm::Damaged(Damage::Cache { what: "the list of free runs", page: 0 }));
}

#[test]
fn an_operation_that_does_something_else_when_traced_is_seen() {
    let here = process::id();
    let found = walk(&[Whole(3), Free(37)], FREE_FIRST, &|slab| {
        _ = FREE_FIRST.act(slab);
        if process::id() != here {
            slab.header.whole.requests.add_one();
        }
    });
    assert_found(found, Harm::Strange);
}
