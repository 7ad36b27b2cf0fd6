//! Whatever is noted beside the words and the bitmaps, it is right when a slab was put in order.

use super::tables::Tables;
use crate::geometry::Class;
use crate::slab::damage::Damage;
use crate::slab::page::{Blocks, Page, State, Word};
use crate::slab::slab::Slab;

/// Enough for several rows, and for runs behind them.
const PAGES: usize = 200;

fn classes() -> impl Iterator<Item = Class> {
    (0..Class::COUNT).filter_map(Class::from_index)
}

/// The first pages of all runs of blocks.
fn runs_of(slab: Slab<'_>) -> Vec<u32> {
    let (mut page, mut runs) = (0, vec![]);
    while page < slab.page_count() {
        let (state, pages) = slab.run_at(page).unwrap();
        runs.extend(matches!(state, State::Blocks { .. }).then_some(page));
        page += pages;
    }
    runs
}

/// Fills a slab with blocks of each class in turn, does something to each of its runs, and looks
/// whether all is right once it is put in order.
fn put_in_order_after(harm: impl Fn(Slab<'_>, u32, Class)) {
    for class in classes() {
        let tables = Tables::new(PAGES, 0);
        let slab = tables.slab();
        while slab.allocate(class.plan().block_bytes as usize, 8).is_some() {}
        slab.done();
        for run in runs_of(slab) {
            harm(slab, run, class);
            slab.rebuild().unwrap();
            assert_eq!(slab.check(|_, _| ()), Ok(()), "{class:?}, page {run}");
        }
    }
}

#[test]
fn the_runs_of_a_full_slab_are_counted() {
    put_in_order_after(|slab, _, class| slab.header.totals(class).runs.set(7));
}

#[test]
fn a_run_that_is_said_to_have_room_and_has_none_is_counted_again() {
    put_in_order_after(|slab, run, _| slab.page(run).vacant.set(3));
}

#[test]
fn a_run_that_is_said_to_be_full_and_has_room_is_counted_again() {
    put_in_order_after(|slab, run, _| {
        // As if the death had come before the count.
        slab.page(run).bitmap[0].commit(Blocks::FULL - 1);
        slab.page(run).vacant.set(0);
    });
}

#[test]
fn wrong_lists_of_runs_with_room_are_made_anew() {
    put_in_order_after(|slab, run, _| {
        slab.page(run).bitmap[0].commit(Blocks::FULL - 1);
        slab.pages.iter().for_each(|Page { next, before, hint, .. }| {
            [next, before, hint].into_iter().for_each(|cache| cache.set(run));
        });
    });
}

#[test]
fn wrong_words_inside_of_a_run_are_written_again() {
    put_in_order_after(|slab, run, class| {
        for after in 1..class.plan().pages {
            let next_class = Class::from_index(class.index() + 1).unwrap_or(Class::SMALLEST);
            let inside = slab.page(run + after);
            for wrong in [
                Word::INSIDE,
                Word::after_blocks(class, after + 1),
                Word::after_blocks(next_class, after),
                Word::blocks(class),
                Word::last_free(after),
            ] {
                inside.commit(wrong);
                slab.rebuild().unwrap();
                assert_eq!(inside.word(), Word::after_blocks(class, after), "{class:?}");
            }
        }
    });
}

#[test]
fn the_hint_of_a_run_is_where_it_has_room() {
    put_in_order_after(|slab, run, class| {
        for blocks in slab.page(run).bitmap_of(class) {
            let taken = blocks.get();
            blocks.commit(taken & !1);
            for hint in [0, 1, u32::MAX] {
                slab.page(run).hint.set(hint);
                slab.rebuild().unwrap();
                let hinted =
                    slab.page(run).bitmap_of(class).get(slab.page(run).hint.get() as usize);
                assert_eq!(hinted.map(Blocks::get), Some(taken & !1), "{class:?}");
            }
            blocks.commit(taken);
        }
    });
}

#[test]
fn a_run_of_blocks_that_is_longer_than_the_slab_is_refused() {
    for class in classes().filter(|class| class.plan().pages > 1) {
        let tables = Tables::new(class.plan().pages as usize * 2 - 1, 0);
        let slab = tables.slab();
        let _ = slab.allocate(class.plan().block_bytes as usize, 8).unwrap();
        let page = class.plan().pages;
        let word = Word::blocks(class);
        slab.page(page).commit(word);
        (1..page - 1)
            .for_each(|after| slab.page(page + after).commit(Word::after_blocks(class, after)));
        assert_eq!(slab.rebuild(), Err(Damage::TooLong { page, word }));
    }
}

#[test]
fn pages_of_a_run_that_has_no_first_page_are_refused() {
    for class in classes().filter(|class| class.plan().pages > 1) {
        let tables = Tables::new(PAGES, 0);
        let slab = tables.slab();
        while slab.allocate(class.plan().block_bytes as usize, 8).is_some() {}
        slab.done();
        let word = Word::after_blocks(class, class.plan().pages - 1);
        slab.page(class.plan().pages).commit(word);
        let page = class.plan().pages;
        assert_eq!(slab.rebuild(), Err(Damage::NoRun { page, word }));
    }
}

#[test]
fn a_bitmap_with_more_blocks_than_the_run_is_refused() {
    for class in classes().filter(|class| class.plan().blocks % 64 > 0) {
        let tables = Tables::new(PAGES, 0);
        let slab = tables.slab();
        slab.allocate(class.plan().block_bytes as usize, 8).unwrap();
        let blocks = slab.page(0).bitmap_of(class).last().unwrap();
        blocks.commit(blocks.get() & !(1 << 63));
        assert_eq!(slab.rebuild(), Err(Damage::Bitmap { page: 0 }), "{class:?}");
    }
}
