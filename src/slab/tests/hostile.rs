//! Tables into which somebody else has written: what comes of them is wrong, and nothing worse.
#![expect(unsafe_code, reason = "writes bytes over tables")]

use core::slice;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::tables::Tables;
use crate::geometry::{Class, PAGE_BYTES};
use crate::slab::header::Header;
use crate::slab::page::{Blocks, NONE, Page, Word};
use crate::slab::slab::Slab;
use crate::slab::stats::SlabStats;

/// Something that is written somewhere.
#[derive(Clone, Debug)]
struct Stray {
    table: usize,
    place: usize,
    value: Vec<u8>,
}

/// What could be the word of a page.
fn words() -> impl Strategy<Value = u64> {
    let pages = prop_oneof![0_u64..70, Just(u64::from(u32::MAX)), any::<u32>().prop_map(u64::from)];
    (0_u64..6, prop_oneof![3 => Just(0_u64), 2 => 0_u64..70], pages)
        .prop_map(|(kind, class, pages)| kind | class << 8 | pages << 32)
}

fn strays() -> impl Strategy<Value = Vec<Stray>> {
    let byte = (0_usize..2, any::<usize>(), any::<u8>()).prop_map(|(table, place, value)| Stray {
        table,
        place,
        value: vec![value],
    });
    let number = (0_usize..2, any::<usize>(), prop_oneof![0_u32..70, any::<u32>()]).prop_map(
        |(table, place, number)| Stray {
            table,
            place: place / 8 * 4,
            value: number.to_ne_bytes().to_vec(),
        },
    );
    let word = (0_usize..60, words()).prop_map(|(page, word)| Stray {
        table: 1,
        place: page * size_of::<Page>(),
        value: word.to_ne_bytes().to_vec(),
    });
    prop::collection::vec(prop_oneof![byte, number, word], 0..60)
}

/// What could be noted of a death.
fn journals() -> impl Strategy<Value = [u32; 5]> {
    prop::array::uniform5(prop_oneof![8 => 0_u32..62, 1 => Just(NONE), 1 => any::<u32>()])
}

/// The bytes of a table.
fn bytes_of<T>(table: &mut [T]) -> &mut [u8] {
    let bytes = size_of_val(table);
    // SAFETY: they are borrowed for as long; each table is of numbers, which any bytes are.
    unsafe { slice::from_raw_parts_mut(table.as_mut_ptr().cast(), bytes) }
}

/// Uses a slab in all ways; what it hands out is nobody's, as the tables are not to be relied on.
fn use_it(slab: Slab<'_>) {
    for bytes in [8, 64, 700, 4096, 5000, 32 << 10, 40_000, 400_000, usize::MAX] {
        for align in [1, 64, 4096, 32 << 10] {
            let quick = slab.take(bytes, align).map(|offset| (offset, bytes));
            let slow = || slab.allocate(bytes, align).map(|grant| (grant.offset, grant.bytes));
            if let Some((offset, bytes)) = quick.or_else(slow) {
                slab.done();
                let _ = slab.resize(offset, bytes / 2);
                let _ = slab.resize(offset, bytes.saturating_mul(2));
                if !slab.give(offset, bytes, align) {
                    let _ = slab.free(offset);
                }
            }
        }
    }
    // Those beyond the last page, too.
    for offset in (0..(slab.page_count() as usize + 20) * PAGE_BYTES).step_by(1000) {
        let _ = slab.give(offset, 64, 8);
        let _ = slab.free(offset);
    }
    let _ = SlabStats::of(0, &slab);
}

/// Tables of a slab of which so many bytes were handed out, and every third of these was given back.
fn used_tables(pages: usize, sizes: &[usize]) -> Tables {
    let tables = Tables::new(pages, 0);
    let slab = tables.slab();
    let taken: Vec<_> = sizes.iter().filter_map(|&bytes| slab.allocate(bytes, 8)).collect();
    slab.done();
    taken.iter().step_by(3).for_each(|grant| slab.free(grant.offset).unwrap());
    tables
}

/// Used tables and what is to be written over them: random bytes of a seed, or none, and strays.
fn scenes() -> impl Strategy<Value = (Tables, Option<u64>, Vec<Stray>)> {
    let sizes = prop::collection::vec(1_usize..40_000, 0..40);
    let tables = (1_usize..60, sizes).prop_map(|(pages, sizes)| used_tables(pages, &sizes));
    (tables, any::<Option<u64>>(), strays())
}

/// Writes random bytes over all tables where `seed` is one, and then strays.
fn overwrite(tables: &mut Tables, seed: Option<u64>, strays: Vec<Stray>) {
    tables.overwrite(|header, pages| {
        let mut tables = [bytes_of(slice::from_mut(header)), bytes_of(pages)];
        if let Some(mut state) = seed {
            for byte in tables.iter_mut().flat_map(|table| table.iter_mut()) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
        }
        for Stray { table, place, value } in strays {
            let table = &mut *tables[table];
            let place = place % table.len();
            let value = &value[..value.len().min(table.len() - place)];
            table[place..place + value.len()].copy_from_slice(value);
        }
    });
}

/// What is true of a page: its word and its bitmap.
type Truth = (Word, Vec<u64>);

fn truth_of(slab: Slab<'_>) -> Vec<Truth> {
    let pages = slab.pages[..slab.page_count() as usize].iter();
    pages.map(|page| (page.word(), page.bitmap.iter().map(Blocks::get).collect())).collect()
}

/// What is true is as it was; the entry after the last page is of no page.
fn tell_the_truth(slab: Slab<'_>, truth: &[Truth]) {
    for (page, (word, bitmap)) in slab.pages.iter().zip(truth) {
        page.commit(*word);
        page.bitmap.iter().zip(bitmap).for_each(|(blocks, &taken)| blocks.commit(taken));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_death_is_said_to_have_left_does_no_harm(
        (mut tables, seed, strays) in scenes(),
        [link, run, borders @ ..] in journals(),
        pending in 0..60 * PAGE_BYTES,
    ) {
        overwrite(&mut tables, seed, strays);
        for _ in 0..3 {
            let Header { journal, .. } = tables.slab().header;
            journal.link.set(link);
            journal.run.set(run);
            journal.begin_pages(borders);
            tables.slab().pend(pending);
            let _ = tables.slab().check(|_, _| ());
            let _ = tables.slab().recover();
            use_it(tables.slab());
        }
    }

    #[test]
    fn tables_with_stray_writes_that_nobody_has_looked_at_do_no_worse((mut tables, seed, strays) in scenes()) {
        overwrite(&mut tables, seed, strays);
        for _ in 0..3 {
            use_it(tables.slab());
        }
    }

    #[test]
    fn nor_do_wrong_lists_of_right_pages((mut tables, seed, strays) in scenes()) {
        let truth = truth_of(tables.slab());
        overwrite(&mut tables, seed, strays);
        tell_the_truth(tables.slab(), &truth);
        for _ in 0..3 {
            use_it(tables.slab());
            let _ = tables.slab().recover();
        }
    }

    #[test]
    fn nor_does_an_empty_run_where_no_page_is(class in 0..Class::COUNT, spare in any::<bool>()) {
        let tables = used_tables(20, &[64, 64, 5000]);
        let (slab, class) = (tables.slab(), Class::from_index(class).unwrap());
        let stand_in = slab.page(NONE);
        stand_in.commit(Word::blocks(class));
        stand_in.vacant.set(class.plan().blocks);
        slab.header.runs(class).spare.set(if spare { NONE } else { slab.page_count() });
        prop_assert!(slab.check(|_, _| ()).is_err());
        use_it(slab);
    }
}

/// However often somebody changes words while all pages are walked through.
#[test]
fn words_that_change_meanwhile_are_no_endless_walk() {
    const WALKS: usize = 20_000;
    let tables = Arc::new(used_tables(40, &[64, 5000, 40_000, 64, 300, 20_000]));
    let walked = Arc::clone(&tables);
    let over = Arc::new(AtomicBool::new(false));
    let walker = thread::spawn(move || {
        for _ in 0..WALKS {
            walked.slab().header.begin_pages([0, 7, 20]);
            let _ = walked.slab().recover();
            let _ = walked.slab().check(|_, _| ());
        }
    });
    let right = truth_of(tables.slab());
    let wrong =
        [Word::free(0), Word::free(u32::MAX), Word::whole(0), Word::whole(u32::MAX), Word::INSIDE];
    let toggler = thread::spawn({
        let over = Arc::clone(&over);
        move || {
            for wrong in wrong.into_iter().cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                for (page, (right, _)) in tables.slab().pages.iter().zip(&right) {
                    page.commit(wrong);
                    page.commit(*right);
                }
            }
        }
    });
    let begun = Instant::now();
    while !walker.is_finished() && begun.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_millis(1));
    }
    let in_time = walker.is_finished();
    over.store(true, Ordering::Relaxed);
    assert!(in_time, "it goes on and on");
    walker.join().unwrap();
    toggler.join().unwrap();
}
