//! Tables into which somebody else has written: refused or put in order, and nothing worse.
#![expect(unsafe_code, reason = "writes bytes over tables")]

use core::slice;

use proptest::prelude::*;

use super::tables::Tables;
use crate::geometry::PAGE_BYTES;
use crate::slab::page::Page;

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

/// The bytes of a table.
fn bytes_of<T>(table: &mut [T]) -> &mut [u8] {
    let bytes = size_of_val(table);
    // SAFETY: they are borrowed for as long; each table is of numbers, which any bytes are.
    unsafe { slice::from_raw_parts_mut(table.as_mut_ptr().cast(), bytes) }
}

/// Uses a slab in all ways; what it hands out is nobody's, as the tables are not to be relied on.
fn use_it(tables: &Tables) {
    let slab = tables.slab();
    for bytes in [8, 64, 700, 4096, 5000, 32 << 10, 40_000, 400_000, usize::MAX] {
        for align in [1, 64, 4096, 32 << 10] {
            if let Some(grant) = slab.allocate(bytes, align) {
                slab.done();
                let _ = slab.resize(grant.offset, bytes / 2);
                let _ = slab.resize(grant.offset, bytes.saturating_mul(2));
                if !slab.give(grant.offset, bytes, align) {
                    let _ = slab.free(grant.offset);
                }
            }
        }
    }
    for offset in (0..tables.slab().page_count() as usize * PAGE_BYTES).step_by(1000) {
        let _ = slab.give(offset, 64, 8);
        let _ = slab.free(offset);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_with_stray_writes_are_refused_or_put_in_order(
        pages in 1_usize..60,
        sizes in prop::collection::vec(1_usize..40_000, 0..40),
        strays in strays(),
        random in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut tables = Tables::new(pages, 0);
        for bytes in sizes {
            let _ = tables.slab().allocate(bytes, 8);
            tables.slab().done();
        }
        tables.overwrite(|header, pages| {
            let tables = [bytes_of(slice::from_mut(header)), bytes_of(pages)];
            let mut state = seed | 1;
            for table in tables.into_iter().filter(|_| random) {
                for byte in table {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (state >> 56) as u8;
                }
            }
        });
        tables.overwrite(|header, pages| {
            let tables = [bytes_of(slice::from_mut(header)), bytes_of(pages)];
            for Stray { table, place, value } in strays {
                let place = place % tables[table].len();
                let room = tables[table].len() - place;
                let value = &value[..value.len().min(room)];
                tables[table][place..place + value.len()].copy_from_slice(value);
            }
        });
        let _ = tables.slab().check(|_, _| ());
        let before_use = tables.slab().rebuild();
        if before_use.is_ok() {
            prop_assert_eq!(tables.slab().check(|_, _| ()), Ok(()), "it was put in order");
        } else {
            prop_assert!(tables.slab().check(|_, _| ()).is_err(), "what is refused is damaged");
        }
        use_it(&tables);
    }
}
