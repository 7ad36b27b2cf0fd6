//! One thing that is wrong at a time, and what a check says of it: which thing, and at which page.

use super::tables::Tables;
use crate::geometry::{Class, PAGE_BYTES};
use crate::slab::blocks::Block;
use crate::slab::damage::Damage;
use crate::slab::header::Runs;
use crate::slab::page::{NONE, Word};
use crate::slab::slab::{Found, Slab};

const PAGES: u32 = 100;
/// Free runs of five pages, between pages that are handed out.
const FREE: [u32; 2] = [3, 9];
/// Runs of 64 blocks of 64 bytes with room, and one of another class in two pages, all taken but one.
const RUNS: [u32; 2] = [16, 17];
const LONG_RUN: u32 = 18;

/// ```text
/// 0       3      8       9      14      16     17     18      20
/// ┌───────┬──────┬───────┬──────┬───────┬──────┬──────┬───────┬──────
/// │ whole │ free │ whole │ free │ whole │ 64 B │ 64 B │ 2 KiB │ free
/// └───────┴──────┴───────┴──────┴───────┴──────┴──────┴───────┴──────
/// ```
fn tables() -> Tables {
    let tables = Tables::new(PAGES as usize, 0);
    let slab = tables.slab();
    let whole = [3, 5, 1, 5, 2].map(|pages| slab.take_whole(pages * PAGE_BYTES, 1).unwrap().offset);
    let blocks = [(); 70].map(|()| slab.allocate(64, 8).unwrap().offset);
    let long = [(); 4].map(|()| slab.allocate(2048, 8).unwrap().offset);
    slab.done();
    for offset in [whole[1], whole[3], long[2], blocks[5], blocks[6], blocks[66], blocks[67]] {
        slab.free(offset).unwrap();
    }
    assert_eq!(slab.check(|_, _| ()), Ok(()));
    tables
}

fn class(bytes: usize) -> Class {
    Class::of(bytes, 8).unwrap()
}

fn damage(slab: Slab<'_>) -> Damage {
    slab.check(|_, _| ()).expect_err("something is wrong")
}

/// Does something to a slab that is in order, and expects a check to say what is wrong at a page.
#[track_caller]
fn expect(what: &'static str, page: u32, wrong: impl FnOnce(Slab<'_>)) {
    let tables = tables();
    wrong(tables.slab());
    assert_eq!(damage(tables.slab()), Damage::Cache { what, page });
}

/// The last of a list.
fn last(slab: Slab<'_>, list: [u32; 2]) -> u32 {
    list.into_iter().find(|&page| slab.page(page).next.get() == NONE).unwrap()
}

/// Has a page be something else.
fn write(page: u32, word: Word) -> impl FnOnce(Slab<'_>) {
    move |slab| slab.page(page).commit(word)
}

#[test]
fn pages_that_are_of_no_run_are_found() {
    let (none, beyond) = (tables(), tables());
    none.slab().page(8).commit(Word::INSIDE);
    assert_eq!(damage(none.slab()), Damage::NoRun { page: 8, word: Word::INSIDE });
    let word = Word::free(PAGES - 19);
    beyond.slab().page(20).commit(word);
    assert_eq!(damage(beyond.slab()), Damage::TooLong { page: 20, word });
    expect("the entry after the last", PAGES, write(PAGES, Word::whole(1)));
}

#[test]
fn what_is_wrong_within_a_run_is_found() {
    expect("the joining of free runs", 8, write(8, Word::free(1)));
    expect("the end of a free run", 3, write(7, Word::INSIDE));
    expect("the end of a free run", 3, write(7, Word::last_free(3)));
    for word in [Word::whole(1), Word::free(1), Word::blocks(class(8)), Word::from_bits(9)] {
        expect("the inside of a free run", 5, write(5, word));
        expect("the inside of a run", 1, write(1, word));
        expect("the inside of a run", 15, write(15, word));
    }
    let others = [Word::INSIDE, Word::after_blocks(class(64), 1), Word::last_free(1)];
    for word in others.into_iter().chain([2, 3].map(|pages| Word::after_blocks(class(2048), pages)))
    {
        expect("the inside of a run", LONG_RUN + 1, write(LONG_RUN + 1, word));
    }
}

#[test]
fn a_mark_of_fresh_pages_that_have_been_used_is_found() {
    expect("the mark of fresh pages", LONG_RUN, |slab| slab.header.fresh.set(LONG_RUN + 1));
    expect("the mark of fresh pages", 0, |slab| slab.header.fresh.set(0));
}

#[test]
fn an_operation_that_nobody_is_at_is_found() {
    expect("the journal", 14, |slab| slab.header.journal.begin_pages([14, NONE, NONE]));
}

#[test]
fn a_bitmap_and_a_count_that_differ_are_found() {
    for run in [RUNS[0], RUNS[1], LONG_RUN] {
        let blocks = |slab: Slab<'_>, change: fn(u64) -> u64| {
            let blocks = slab.page(run).blocks(0);
            blocks.commit(change(blocks.get()));
        };
        let count = "the number of free blocks";
        // One that was taken is free, or one that was free is taken.
        expect(count, run, |slab| blocks(slab, |taken| taken & (taken - 1)));
        expect(count, run, |slab| blocks(slab, |taken| taken | (taken + 1)));
        for change in [u32::wrapping_sub, u32::wrapping_add] {
            expect(count, run, |slab| {
                let vacant = &slab.page(run).vacant;
                vacant.set(change(vacant.get(), 1));
            });
        }
    }
    let tables = tables();
    let blocks = tables.slab().page(LONG_RUN).blocks(0);
    blocks.commit(blocks.get() & !(1 << 4));
    assert_eq!(damage(tables.slab()), Damage::Bitmap { page: LONG_RUN });
}

#[test]
fn a_hint_that_leads_beyond_the_run_is_found() {
    for (run, words) in [(RUNS[0], 1), (LONG_RUN, 1)] {
        expect("where room is looked for", run, |slab| slab.page(run).hint.set(words));
    }
}

#[test]
fn links_that_lead_elsewhere_are_found() {
    let (free, room) = ("the list of free runs", "the list of runs with room");
    for (what, list) in [(free, FREE), (room, RUNS)] {
        for page in list {
            for wrong in [0, page, 20, PAGES, NONE - 1] {
                expect(what, page, |slab| slab.page(page).before.set(wrong));
            }
        }
        for wrong in [PAGES, NONE - 1] {
            let tables = tables();
            let page = last(tables.slab(), list);
            tables.slab().page(page).next.set(wrong);
            assert_eq!(damage(tables.slab()), Damage::Cache { what, page });
        }
    }
    // The list begins elsewhere: the first run that is looked at and not in it.
    expect(room, LONG_RUN, |slab| slab.header.runs(class(2048)).recent.forget());
}

#[test]
fn lists_that_have_others_in_them_are_found() {
    let bin = |slab: Slab<'_>, bin: usize, first: u32| slab.header.bins.first(bin).set(first);
    // Of another length, and not free.
    expect("the list of free runs", FREE[0], |slab| bin(slab, 0, FREE[0]));
    expect("the list of free runs", 8, |slab| bin(slab, 0, 8));
    expect("the mark of a list", 0, |slab| bin(slab, 0, PAGES));
    let room = "the number of runs with room";
    expect(room, FREE[0], |slab| slab.header.runs(class(8)).room.set(FREE[0]));
    expect("a run that is in no list", PAGES, |slab| slab.header.runs(class(8)).room.set(PAGES));
}

#[test]
fn lists_that_have_no_end_are_found() {
    let [free, room] = [FREE, RUNS].map(|list| {
        let tables = tables();
        let last = last(tables.slab(), list);
        tables.slab().page(last).next.set(last);
        damage(tables.slab())
    });
    assert!(matches!(free, Damage::Cache { what: "the number of free runs", .. }), "{free:?}");
    assert!(matches!(room, Damage::Cache { what: "the number of runs with room", .. }), "{room:?}");
}

#[test]
fn an_empty_run_that_nobody_keeps_is_found() {
    let tables = tables();
    let slab = tables.slab();
    let block = slab.allocate(300, 8).unwrap().offset;
    slab.done();
    slab.free(block).unwrap();
    let spare = &slab.header.runs(class(300)).spare;
    let page = spare.get();
    assert_eq!(slab.check(|_, _| ()), Ok(()));
    spare.set(NONE);
    assert_eq!(damage(slab), Damage::Cache { what: "the spare run", page });
}

#[test]
fn a_block_given_back_last_that_is_none_is_found() {
    let expect_wrong = |wrong: fn(Block<'_>) -> (Block<'_>, u32)| {
        let tables = tables();
        let slab = tables.slab();
        let Runs { recent, .. } = slab.header.runs(class(64));
        let Ok(Found::Block(block)) = slab.find(recent.offset()) else { panic!("a block") };
        let (block, others) = wrong(block);
        recent.set(&block, others);
        let what = "the block given back last";
        assert_eq!(damage(slab), Damage::Cache { what, page: block.run });
    };
    // It is somewhere else, taken, beyond the run, alone, or of another class.
    expect_wrong(|block| (Block { offset: block.offset + 64, ..block }, 2));
    expect_wrong(|block| {
        (Block { number: 0, offset: block.run as usize * PAGE_BYTES, ..block }, 2)
    });
    expect_wrong(|block| {
        let offset = block.run as usize * PAGE_BYTES + 64 * 64;
        (Block { number: 64, offset, ..block }, 2)
    });
    expect_wrong(|block| (block, 0));
    expect_wrong(|block| {
        let offset = LONG_RUN as usize * PAGE_BYTES + 2 * 64;
        (Block { run: LONG_RUN, number: 2, offset, ..block }, 0)
    });
    // And there is none that would be alone.
    expect_wrong(|block| (Block { run: NONE, ..block }, 0));
}
