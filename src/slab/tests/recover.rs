//! Putting in order where nothing is out of order, and where no operation can have been.

use super::tables::Tables;
use crate::geometry::{Class, PAGE_BYTES};
use crate::slab::blocks::Block;
use crate::slab::damage::Damage;
use crate::slab::page::{NONE, Page, Word};
use crate::slab::slab::{Found, Slab};

const PAGES: u32 = 200;

fn classes() -> impl Iterator<Item = Class> {
    (0..Class::COUNT).filter_map(Class::from_index)
}

/// Runs of many classes with room and without, pages handed out whole, and free runs between them.
fn used_tables() -> Tables {
    let tables = Tables::new(PAGES as usize, 0);
    let slab = tables.slab();
    let sizes = [64, 5000, 40_000, 1024, 300, 20_000, 9000, 8, 1024];
    let taken: Vec<_> =
        sizes.into_iter().cycle().map_while(|bytes| slab.allocate(bytes, 8)).collect();
    slab.done();
    taken.iter().skip(1).step_by(3).for_each(|grant| slab.free(grant.offset).unwrap());
    tables
}

/// What is handed out, if all is in order.
fn live(slab: Slab<'_>) -> Vec<(usize, usize)> {
    let mut live = vec![];
    slab.check(|offset, bytes| live.push((offset, bytes))).unwrap();
    live
}

#[test]
fn whatever_was_touched_last_what_is_in_order_stays_so() {
    let tables = used_tables();
    let slab = tables.slab();
    let before = live(slab);
    let journal = &slab.header.journal;
    for page in (0..PAGES + 2).chain([NONE - 1, NONE]) {
        journal.link.set(page);
        assert_eq!((slab.recover(), live(slab)), (Ok(()), before.clone()), "link {page}");
        journal.run.set(page);
        assert_eq!((slab.recover(), live(slab)), (Ok(()), before.clone()), "run {page}");
    }
}

#[test]
fn the_block_given_back_last_is_in_a_list_again() {
    for class in classes() {
        let tables = Tables::new(PAGES as usize, 0);
        let slab = tables.slab();
        let take = || slab.allocate(class.plan().block_bytes as usize, 8).unwrap().offset;
        let run: Vec<_> = (0..class.plan().blocks).map(|_| take()).collect();
        let other = take();
        slab.done();
        slab.free(run[0]).unwrap();
        // Whoever died was about the other run.
        slab.header.journal.run.set((other / PAGE_BYTES) as u32);
        assert_eq!(slab.is_listed((run[0] / PAGE_BYTES) as u32), class.plan().blocks == 1);
        slab.recover().unwrap();
        assert!(slab.header.runs(class).recent.run() == NONE);
        assert_eq!(live(slab).len(), run.len());
        assert!(slab.is_listed((run[0] / PAGE_BYTES) as u32), "{class:?}");
    }
}

#[test]
fn a_block_given_back_last_that_lies_in_no_page_is_forgotten() {
    for wrong in [PAGES, PAGES + 1, NONE - 1] {
        let tables = Tables::new(PAGES as usize, 0);
        let slab = tables.slab();
        let block = slab.allocate(64, 8).unwrap().offset;
        slab.done();
        let Ok(Found::Block(found)) = slab.find(block) else { panic!("a block") };
        let runs = slab.header.runs(found.class);
        runs.recent.set(&Block { run: wrong, ..found }, 0);
        assert_eq!((slab.recover(), runs.recent.run()), (Ok(()), NONE));
        assert_eq!(live(slab), [(block, 64)]);
        assert_eq!(slab.page(found.run).next.get(), NONE);
    }
}

#[test]
fn a_list_whose_first_names_another_as_the_one_before_is_found() {
    let tables = used_tables();
    let slab = tables.slab();
    for first in slab.lists() {
        let Some(page) = slab.listed(first).next() else { continue };
        // One that names it as the next, and is in no list.
        let other = (0..PAGES).find(|&other| !slab.is_listed(other)).unwrap();
        slab.page(page).before.set(other);
        slab.page(other).next.set(page);
        assert!(matches!(slab.check(|_, _| ()), Err(Damage::Cache { .. })), "page {page}");
        slab.page(page).before.set(NONE);
        live(slab);
    }
}

#[test]
fn a_run_in_no_list_that_seems_to_be_in_one_is_found() {
    let tables = used_tables();
    let slab = tables.slab();
    let mut others = (0..PAGES).filter(|&page| !slab.is_listed(page));
    let [one, two] = [others.next(), others.next()].map(Option::unwrap);
    slab.page(one).next.set(two);
    live(slab);
    slab.page(two).before.set(one);
    assert!(matches!(
        slab.check(|_, _| ()),
        Err(Damage::Cache { what: "a run that is in no list", .. })
    ));
}

#[test]
fn what_leaves_all_as_it_was_leaves_a_trace() {
    let tables = Tables::new(PAGES as usize, 0);
    let slab = tables.slab();
    let whole = slab.allocate(40 * PAGE_BYTES, 1).unwrap().offset;
    slab.done();
    let changes = slab.header.changes.get();
    slab.resize(whole, 50 * PAGE_BYTES).unwrap().unwrap();
    slab.resize(whole, 40 * PAGE_BYTES).unwrap().unwrap();
    assert!(slab.header.changes.get() > changes);
}

#[test]
fn no_other_page_is_looked_at() {
    let tables = used_tables();
    let slab = tables.slab();
    let page = (0..PAGES).find(|&page| slab.run_at(page).is_err()).unwrap();
    slab.page(page).commit(Word::whole(1));
    slab.free(0).unwrap();
    assert_eq!(slab.recover(), Ok(()));
    assert_eq!(slab.page(page).word(), Word::whole(1));
    assert!(slab.check(|_, _| ()).is_err());
}

#[test]
fn borders_where_no_run_begins_are_refused() {
    let tables = used_tables();
    let slab = tables.slab();
    for page in (0..PAGES).filter(|&page| slab.run_at(page).is_err()) {
        let word = slab.page(page).word();
        slab.header.journal.begin_pages([page; 3]);
        assert_eq!(slab.recover(), Err(Damage::NoRun { page, word }));
    }
}

#[test]
fn a_word_that_says_nothing_is_refused_where_blocks_came_or_went() {
    for bits in [5, 0xA5A5_A5A5_A5A5_A5A5, u64::MAX] {
        let tables = used_tables();
        let slab = tables.slab();
        let page = slab.header.journal.run.get();
        slab.page(page).commit(Word::from_bits(bits));
        let word = slab.page(page).word();
        assert_eq!(slab.recover(), Err(Damage::NoRun { page, word }));
    }
}

#[test]
fn a_run_that_is_longer_than_the_slab_is_refused() {
    let tables = used_tables();
    let slab = tables.slab();
    for word in [Word::free(PAGES), Word::whole(PAGES), Word::free(u32::MAX)] {
        slab.page(1).commit(word);
        slab.header.journal.begin_pages([1; 3]);
        assert_eq!(slab.recover(), Err(Damage::TooLong { page: 1, word }));
    }
}

#[test]
fn a_bitmap_with_more_blocks_than_the_run_is_refused() {
    for class in classes().filter(|class| class.plan().blocks % 64 > 0) {
        let tables = Tables::new(PAGES as usize, 0);
        let slab = tables.slab();
        slab.allocate(class.plan().block_bytes as usize, 8).unwrap();
        let Page { bitmap, .. } = slab.page(0);
        let last = &bitmap[class.plan().blocks as usize / 64];
        last.commit(last.get() & !(1 << 63));
        assert_eq!(slab.recover(), Err(Damage::Bitmap { page: 0 }), "{class:?}");
    }
}
