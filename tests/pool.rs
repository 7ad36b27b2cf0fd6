//! What a pool promises of its values, its memory and its limit.
#![cfg(feature = "allocator-api2")]
#![expect(unsafe_code, reason = "gives memory back by layout")]

use std::alloc::Layout;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use aquifer::{AllocError, Pool, PoolBuilder, PoolStats};

const KIB: usize = 1024;

/// Lets AddressSanitizer refuse what no memory has, as other allocators do, instead of ending the
/// program.
#[cfg(asan)]
// SAFETY: the sanitizer's run time looks for this name and takes a C string from it.
#[unsafe(no_mangle)]
extern "C" fn __asan_default_options() -> *const std::ffi::c_char {
    c"allocator_may_return_null=1".as_ptr()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Asks for memory that may come back, as a collection does.
fn reserve(pool: &Pool, layout: Layout) -> Result<NonNull<u8>, AllocError> {
    pool.allocate(layout).map(|values| values.cast()).map_err(|_| AllocError)
}

fn dealloc(pool: &Pool, values: NonNull<u8>, layout: Layout) {
    // SAFETY: each test passes what it reserved with this layout in this pool, once.
    unsafe { pool.deallocate(values, layout) };
}

fn grow(
    pool: &Pool,
    values: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    // SAFETY: as above; the tests go on with the result only.
    let grown = unsafe { pool.grow(values, old, new) };
    grown.map(|values| values.cast()).map_err(|_| AllocError)
}

fn shrink(
    pool: &Pool,
    values: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<u8>, AllocError> {
    // SAFETY: as above.
    let shrunk = unsafe { pool.shrink(values, old, new) };
    shrunk.map(|values| values.cast()).map_err(|_| AllocError)
}

fn assert_adds_up(stats: PoolStats) {
    assert_eq!(
        stats.held,
        stats.used + stats.free + stats.lost + stats.large + stats.headers,
        "{stats:?}"
    );
    assert_eq!(stats.charged, stats.held + stats.spare, "{stats:?}");
}

#[test]
fn a_new_pool_holds_nothing() {
    let pool = Pool::new();
    assert_eq!(pool.stats().charged, 0);
    pool.alloc(()).unwrap();
    pool.alloc_str("").unwrap();
    reserve(&pool, layout(0, 4096)).unwrap();
    assert_eq!(pool.stats(), Pool::new().stats());
}

#[test]
fn values_lie_densely_and_aligned() {
    let pool = Pool::new();
    let byte = pool.alloc(1_u8).unwrap();
    let word = pool.alloc(2_u64).unwrap();
    assert_eq!(&raw const *word as usize % 8, 0);
    assert_eq!((*byte, *word, pool.stats().used), (1, 2, 16));
    let text = pool.alloc_str("three").unwrap();
    let more = pool.alloc_str("four").unwrap();
    assert_eq!(more.as_ptr() as usize - text.as_ptr() as usize, 5, "bytes need no padding");
}

#[test]
#[cfg_attr(aquifer_in_slab, ignore = "half a GiB of alignment has no place in a GiB")]
fn every_alignment_is_served() {
    let pool = Pool::new();
    for shift in 0..=29 {
        let values = reserve(&pool, layout(3, 1 << shift)).unwrap();
        assert_eq!(values.addr().get() % (1 << shift), 0);
        // SAFETY: three bytes were handed out.
        unsafe { values.write_bytes(0xa5, 3) };
    }
    assert_adds_up(pool.stats());
}

#[test]
fn sizes_that_no_memory_has_are_refused_and_cost_nothing() {
    let pool = Pool::new();
    for size in [isize::MAX as usize, isize::MAX as usize - 15, 1 << 60] {
        assert_eq!(reserve(&pool, layout(size, 1)), Err(AllocError));
        assert_eq!(pool.alloc_zeroed(layout(size, 1)), Err(AllocError));
    }
    assert!(pool.alloc_slice_fill_with(usize::MAX, |_| 0_u64).is_err());
    assert!(pool.alloc_slice_fill_with(usize::MAX / 8, |_| 0_u64).is_err());
    assert_eq!(pool.stats(), Pool::new().stats(), "not even the high water is higher");
}

#[test]
fn no_method_of_the_allocator_unwinds_at_the_edges_of_layouts() {
    let pool = Pool::new();
    let most = isize::MAX as usize;
    let sizes = [0, 1, 7, 8, 9, 512, 16 * KIB, 16 * KIB + 1, 1 << 47, most - 4095, most];
    let layouts = sizes.into_iter().flat_map(|size| {
        [1, 8, 16, 4096, 64 * KIB].map(|align| Layout::from_size_align(size, align))
    });
    let layouts: Vec<Layout> = layouts.flatten().collect();
    for old in &layouts {
        for new in &layouts {
            let Ok(values) = reserve(&pool, *old) else { break };
            let resize = if new.size() >= old.size() { grow } else { shrink };
            match resize(&pool, values, *old, *new) {
                Ok(values) => dealloc(&pool, values, *new),
                Err(AllocError) => dealloc(&pool, values, *old),
            }
        }
    }
    assert_adds_up(pool.stats());
    assert_eq!(pool.stats().large, 0);
}

#[test]
fn zeroed_memory_is_zero_where_it_was_used_before() {
    let mut pool = Pool::new();
    for size in [100, 100 * KIB] {
        let used = reserve(&pool, layout(size, 8)).unwrap();
        // SAFETY: so many bytes were handed out.
        unsafe { used.write_bytes(0xff, size) };
        pool.reset();
        let zeroed = pool.alloc_zeroed(layout(size, 8)).unwrap();
        // SAFETY: so many bytes were handed out and are zero.
        let bytes = unsafe { NonNull::slice_from_raw_parts(zeroed, size).as_ref() };
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn the_newest_value_goes_back_to_the_cursor() {
    let pool = Pool::new();
    let first = reserve(&pool, layout(100, 1)).unwrap();
    dealloc(&pool, first, layout(100, 1));
    assert_eq!(pool.stats().used, 0);
    assert_eq!(reserve(&pool, layout(100, 1)).unwrap(), first);
}

#[test]
fn the_newest_value_grows_and_shrinks_in_its_place() {
    let pool = Pool::new();
    let values = reserve(&pool, layout(10, 1)).unwrap();
    let grown = grow(&pool, values, layout(10, 1), layout(1000, 1));
    assert_eq!((grown, pool.stats().used), (Ok(values), 1000));
    let shrunk = shrink(&pool, values, layout(1000, 1), layout(1, 1));
    assert_eq!((shrunk, pool.stats().used), (Ok(values), 8), "in whole grains of eight bytes");
}

#[test]
fn a_large_request_stands_apart_and_is_freed_at_once() {
    let pool = Pool::builder().large_threshold(KIB).build();
    pool.alloc(1_u64).unwrap();
    let before = pool.stats();
    let at_the_threshold = reserve(&pool, layout(KIB, 1)).unwrap();
    assert_eq!(pool.stats().large, 0);
    dealloc(&pool, at_the_threshold, layout(KIB, 1));
    let three = [KIB + 1, 70 * KIB, 2 * KIB]
        .map(|size| (reserve(&pool, layout(size, 64)).unwrap(), layout(size, 64)));
    assert!(pool.stats().large >= 73 * KIB);
    // The one in the middle of the list, then its ends.
    for index in [1, 0, 2] {
        dealloc(&pool, three[index].0, three[index].1);
        assert_adds_up(pool.stats());
    }
    let mut expected = before;
    expected.high_water = pool.stats().high_water;
    assert_eq!(pool.stats(), expected);
}

#[test]
fn large_requests_do_not_make_blocks_grow() {
    let pool = Pool::new();
    for _ in 0..10 {
        reserve(&pool, layout(1000 * KIB, 8)).unwrap();
    }
    pool.alloc(1_u8).unwrap();
    let stats = pool.stats();
    assert_eq!(stats.held - stats.large, 4 * KIB, "one block of the first size");
}

#[test]
fn growth_across_the_large_threshold_moves_and_keeps_the_bytes() {
    let pool = Pool::builder().large_threshold(KIB).build();
    let (small, large) = (layout(600, 8), layout(5000, 8));
    let values = reserve(&pool, small).unwrap();
    // SAFETY: so many bytes were handed out.
    unsafe { values.write_bytes(7, 600) };
    let grown = grow(&pool, values, small, large).unwrap();
    assert_ne!(grown, values);
    assert!(pool.stats().large > 5000);
    let back = shrink(&pool, grown, large, small).unwrap();
    // SAFETY: 600 bytes were carried along both ways.
    let bytes = unsafe { NonNull::slice_from_raw_parts(back, 600).as_ref() };
    assert_eq!((bytes, pool.stats().large), (&[7_u8; 600][..], 0));
}

#[test]
fn an_abandoned_buffer_is_used_before_another_block() {
    let pool = Pool::new();
    let abandoned = reserve(&pool, layout(1000, 8)).unwrap();
    reserve(&pool, layout(2500, 8)).unwrap();
    dealloc(&pool, abandoned, layout(1000, 8));
    let held = pool.stats().held;
    assert_eq!(pool.stats().lost, 1000);
    // The block has less than 600 bytes left.
    assert_eq!(reserve(&pool, layout(600, 8)).unwrap(), abandoned);
    assert_eq!((pool.stats().held, pool.stats().lost), (held, 400));
    assert_adds_up(pool.stats());
}

#[test]
fn freed_neighbours_join() {
    let pool = Pool::new();
    let pieces =
        [999, 16, 1000, 17].map(|size| (reserve(&pool, layout(size, 1)).unwrap(), layout(size, 1)));
    reserve(&pool, layout(1500, 1)).unwrap();
    let held = pool.stats().held;
    // So much comes and goes that a look at the neighbours is worth it.
    for _ in 0..5 {
        dealloc(&pool, pieces[0].0, pieces[0].1);
        assert_eq!(reserve(&pool, pieces[0].1), Ok(pieces[0].0));
    }
    for index in [2, 0, 3, 1] {
        dealloc(&pool, pieces[index].0, pieces[index].1);
    }
    let whole = reserve(&pool, layout(1000 + 16 + 1000 + 24, 8)).unwrap();
    assert_eq!((whole, pool.stats().held), (pieces[0].0, held));
    assert_adds_up(pool.stats());
}

#[test]
fn a_pool_in_which_sizes_come_and_go_does_not_grow_for_ever() {
    /// What a pool holds after many of 64 live values have been exchanged for others.
    fn held(builder: PoolBuilder, sizes: Range<usize>, exchanges: usize) -> usize {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as usize >> 8
        };
        let pool = builder.build();
        let mut live = vec![];
        for _ in 0..exchanges {
            let layout = layout(sizes.start + random() % sizes.len(), 1 << (random() % 5));
            live.push((reserve(&pool, layout).unwrap(), layout));
            if live.len() == 64 {
                let (values, layout) = live.swap_remove(random() % 64);
                dealloc(&pool, values, layout);
            }
        }
        pool.stats().held
    }
    assert!(held(Pool::builder(), 1..9, 100_000) <= 8 * KIB);
    assert!(held(Pool::builder(), 1..100, 100_000) <= 32 * KIB);
    assert!(held(Pool::builder(), 64..4096, 100_000) <= 1024 * KIB);
    let large = Pool::builder().large_threshold(1024 * KIB);
    assert!(held(large, 30 * KIB..230 * KIB, 10_000) <= 64 * 1024 * KIB);
}

#[test]
fn what_lies_freed_is_joined_before_the_limit_refuses() {
    let pool = Pool::builder().limit(4 * KIB).build();
    let words = layout(32, 8);
    let pieces: Vec<_> = std::iter::from_fn(|| reserve(&pool, words).ok()).collect();
    assert!(pieces.len() > 100);
    pieces.iter().for_each(|values| dealloc(&pool, *values, words));
    let before = pool.stats().limit_hits;
    assert!(pool.alloc([0_u8; 1024]).is_ok());
    assert_eq!(pool.stats().limit_hits, before);
}

#[test]
fn growth_within_its_own_grains_stays_in_its_place() {
    let pool = Pool::builder().limit(4 * KIB).build();
    let values = reserve(&pool, layout(1, 1)).unwrap();
    while reserve(&pool, layout(8, 1)).is_ok() {}
    assert_eq!(grow(&pool, values, layout(1, 1), layout(8, 1)), Ok(values));
}

#[test]
fn a_reset_under_a_lowered_limit_is_no_refusal() {
    let mut pool = Pool::builder().largest_block_size(100 * KIB).build();
    for _ in 0..110 {
        pool.alloc([0_u8; 1000]).unwrap();
    }
    pool.set_limit(10);
    pool.reset();
    assert_eq!(pool.stats().limit_hits, 0);
}

#[test]
fn the_end_of_an_older_block_is_used_before_another_block() {
    let pool = Pool::new();
    let end = reserve(&pool, layout(3000, 8)).unwrap().addr().get() + 3000;
    reserve(&pool, layout(8000, 8)).unwrap();
    let held = pool.stats().held;
    // The current block has less than 200 bytes left, the one before about 1000.
    let values = reserve(&pool, layout(900, 8)).unwrap();
    assert_eq!((values.addr().get(), pool.stats().held), (end, held));
    assert_adds_up(pool.stats());
}

#[test]
fn blocks_double_up_to_the_cap() {
    let pool = Pool::builder().first_block_size(KIB).largest_block_size(20 * KIB).build();
    let mut sizes = vec![];
    while sizes.len() < 7 {
        let before = pool.stats().held;
        pool.alloc([0_u64; 8]).unwrap();
        if pool.stats().held > before {
            sizes.push((pool.stats().held - before) / KIB);
        }
    }
    assert_eq!(sizes, [1, 2, 4, 8, 16, 20, 20]);
}

#[test]
fn reset_gives_back_what_is_over_retain() {
    for retain in [0, 5 * KIB, 64 * KIB, 300 * KIB] {
        let mut pool = Pool::builder().retain(retain).build();
        for _ in 0..3 {
            for _ in 0..2000 {
                pool.alloc([0_u8; 512]).unwrap();
            }
            reserve(&pool, layout(KIB * KIB, 8)).unwrap();
            pool.reset();
            let stats = pool.stats();
            assert!(stats.charged <= retain, "{stats:?}");
            assert_eq!((stats.used, stats.large, stats.lost), (0, 0, 0));
            assert_adds_up(stats);
        }
    }
}

#[test]
fn the_same_work_soon_fits_one_block() {
    let mut pool = Pool::new();
    let mut charged = vec![];
    for _ in 0..4 {
        for _ in 0..100 {
            pool.alloc([0_u8; 300]).unwrap();
        }
        charged.push((pool.stats().headers, pool.stats().charged));
        pool.reset();
    }
    let one_header = 32;
    assert!(charged[0].0 > one_header);
    assert_eq!(charged[2], (one_header, 64 * KIB));
    assert_eq!(charged[3], charged[2]);
}

#[test]
fn the_limit_is_exact_from_every_starting_state() {
    for limit in [0, 1, 31, 32, 255, 4 * KIB, 5 * KIB + 1, 100 * KIB] {
        for size in [1, 24, 700, 20 * KIB] {
            let pool = Pool::builder().limit(limit).build();
            let mut served = 0;
            while reserve(&pool, layout(size, 1)).is_ok() {
                served += size;
                assert!(pool.stats().charged <= limit);
            }
            let stats = pool.stats();
            assert!(stats.limit_hits == 1 && served <= limit);
            let room = limit - stats.charged;
            assert!(room < size + 32 && stats.free < size, "there was room: {stats:?}");
        }
    }
}

#[test]
fn a_limit_below_what_is_held_refuses_the_next_growth() {
    let mut pool = Pool::new();
    while pool.stats().charged < 100 * KIB {
        pool.alloc([0_u8; 64]).unwrap();
    }
    let charged = pool.stats().charged;
    for limit in [0, 16 * KIB, charged - 1, charged] {
        pool.set_limit(limit);
        assert!(reserve(&pool, layout(20 * KIB, 8)).is_err(), "a large request");
        while pool.alloc([0_u8; 64]).is_ok() {}
        assert_eq!(pool.stats().charged, charged);
    }
    pool.set_limit(usize::MAX);
    assert!(pool.alloc([0_u8; 64]).is_ok());
}

#[test]
fn kept_blocks_make_way_for_what_the_limit_would_refuse() {
    let mut pool = Pool::builder().limit(100 * KIB).build();
    pool.scope(|scope| scope.alloc_layout(layout(3 * KIB, 8)).map(|_| ())).unwrap();
    assert_eq!(pool.stats().spare, 4 * KIB);
    reserve(&pool, layout(99 * KIB, 8)).unwrap();
    assert_eq!(pool.stats().spare, 0);
    pool.reset();
    assert_adds_up(pool.stats());
}

#[test]
fn a_refused_request_gives_up_no_spare_block() {
    let pool = Pool::builder().limit(100 * KIB).build();
    pool.scope(|scope| scope.alloc(1).map(|_| ())).unwrap();
    let mut expected = pool.stats();
    expected.limit_hits += 1;
    assert_eq!(reserve(&pool, layout(1 << 40, 8)), Err(AllocError));
    assert_eq!((pool.stats(), pool.stats().spare), (expected, 4 * KIB));
}

#[test]
fn a_large_allocation_shrinks_into_a_block_at_the_limit() {
    let mut pool = Pool::builder().limit(20 * KIB + 32).build();
    let (old, new) = (layout(20 * KIB, 1), layout(1, 1));
    let values = reserve(&pool, old).unwrap();
    assert_eq!(pool.stats().charged, pool.stats().limit);
    shrink(&pool, values, old, new).unwrap();
    assert_eq!(pool.stats().large, 0);
    assert_adds_up(pool.stats());
    pool.reset();
    assert_adds_up(pool.stats());
}

#[test]
fn a_refused_growth_leaves_the_values_as_they_were() {
    let pool = Pool::builder().limit(40 * KIB).build();
    for size in [100, 20 * KIB] {
        let old = layout(size, 8);
        let values = reserve(&pool, old).unwrap();
        // SAFETY: so many bytes were handed out.
        unsafe { values.write_bytes(9, size) };
        let mut expected = pool.stats();
        expected.limit_hits += 1;
        let grown = grow(&pool, values, old, layout(60 * KIB, 8));
        assert_eq!(grown, Err(AllocError));
        assert_eq!(pool.stats(), expected);
        // SAFETY: the request was refused, so the values are as they were.
        let bytes = unsafe { NonNull::slice_from_raw_parts(values, size).as_ref() };
        assert!(bytes.iter().all(|byte| *byte == 9));
    }
}

#[test]
fn the_closure_of_a_value_may_use_the_pool() {
    let pool = Pool::new();
    let outer = pool.alloc_with(|| {
        let inner = pool.alloc_with(|| pool.alloc(1_u64).map(|one| *one + 1)).unwrap();
        inner.unwrap() + 1
    });
    assert_eq!(outer, Ok(&mut 3));
    let slice = pool.alloc_slice_fill_with(100, |n| *pool.alloc(n).unwrap()).unwrap();
    assert!(slice.iter().copied().eq(0..100));
    let text = pool.alloc_fmt(format_args!("{}-{}", Nested(&pool), Nested(&pool))).unwrap();
    assert_eq!(text, "inside-inside");
}

/// Allocates while it is formatted.
struct Nested<'pool>(&'pool Pool);

impl std::fmt::Display for Nested<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.alloc_str("inside").unwrap())
    }
}

#[test]
fn a_panicking_closure_costs_nothing() {
    let pool = Pool::new();
    pool.alloc(1_u8).unwrap();
    let before = pool.stats();
    let panics: [&dyn Fn(); 3] = [
        &|| drop(pool.alloc_with(|| -> [u64; 9] { panic!() })),
        &|| drop(pool.alloc_slice_fill_with(50, |n| if n == 40 { panic!() } else { n })),
        &|| drop(pool.alloc_slice_from_iter((0..500).map(|n| if n == 400 { panic!() } else { n }))),
    ];
    for panicking in panics {
        catch_unwind(AssertUnwindSafe(panicking)).unwrap_err();
        // What alignment skipped before the newest value is not regained.
        assert!(pool.stats().used - before.used < 8);
    }
}

#[test]
fn a_closure_without_memory_is_not_called() {
    let pool = Pool::builder().limit(0).build();
    assert_eq!(pool.alloc_with(|| -> u8 { panic!() }), Err(AllocError));
    assert_eq!(pool.alloc_slice_fill_with(1, |_| -> u8 { panic!() }), Err(AllocError));
    assert_eq!(pool.alloc_fmt(format_args!("{}", 1)), Err(AllocError));
    assert_eq!(pool.alloc_fmt(format_args!("")), Ok(&mut *String::new()));
}

#[test]
#[should_panic(expected = "a formatting trait implementation returned an error")]
fn a_formatting_error_is_a_panic_as_in_std() {
    struct Broken;
    impl std::fmt::Display for Broken {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    let _ = Pool::new().alloc_fmt(format_args!("{Broken}"));
}

#[test]
fn an_iterator_that_promises_too_much_gets_what_it_needs() {
    struct Liar(u32);
    impl Iterator for Liar {
        type Item = [u8; 1 << 10];
        fn next(&mut self) -> Option<Self::Item> {
            self.0 = self.0.checked_sub(1)?;
            Some([self.0 as u8; 1 << 10])
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            (usize::MAX, None)
        }
    }
    let pool = Pool::builder().limit(20 * KIB).build();
    let values = pool.alloc_slice_from_iter(Liar(5)).unwrap();
    assert!(values.iter().map(|value| value[9]).eq([4, 3, 2, 1, 0]));
    assert_eq!(pool.alloc_slice_from_iter(Liar(50)), Err(AllocError));
}

#[test]
fn a_slice_that_is_yet_to_be_written_costs_its_memory_alone() {
    let pool = Pool::new();
    let words = pool.alloc_uninit_slice::<u64>(64).unwrap();
    let bytes = pool.alloc_uninit_slice::<u8>(3).unwrap();
    assert_eq!((words.len(), bytes.len(), words.as_ptr().addr() % 8), (64, 3, 0));
    bytes.iter_mut().for_each(|byte| _ = byte.write(0xFF));
    let words: Vec<u64> = (0..).zip(words).map(|(index, word)| *word.write(index)).collect();
    assert!(words.into_iter().eq(0..64));
    let used = pool.stats().used;
    assert!((64 * 8 + 3..64 * 8 + 16).contains(&used), "{used}");
    // Large ones stand apart, and are no less writable.
    let large = pool.alloc_uninit_slice::<u8>(100 * KIB).unwrap();
    assert_eq!((*large[0].write(1), *large[100 * KIB - 1].write(2)), (1, 2));
}

#[test]
fn a_slice_that_no_memory_has_is_refused_and_costs_nothing() {
    let pool = Pool::builder().limit(64 * KIB).build();
    let before = pool.stats().used;
    for len in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8, isize::MAX as usize / 8 + 1] {
        assert_eq!(pool.alloc_uninit_slice::<u64>(len).unwrap_err(), AllocError);
    }
    assert_eq!(pool.alloc_uninit_slice::<u8>(65 * KIB).unwrap_err(), AllocError);
    assert_eq!(pool.stats().used, before);
    // None has no size, be it of values or of slots.
    assert_eq!(pool.alloc_uninit_slice::<()>(usize::MAX).unwrap().len(), usize::MAX);
    assert_eq!(pool.alloc_uninit_slice::<String>(0).unwrap().len(), 0);
    assert_eq!(pool.stats().used, before);
    assert!(pool.alloc_uninit_slice::<u8>(32 * KIB).is_ok());
}

#[test]
fn values_of_no_size_may_be_many() {
    let pool = Pool::new();
    assert_eq!(
        pool.alloc_slice_fill_with(usize::MAX >> 40, |_| ()).unwrap().len(),
        usize::MAX >> 40
    );
    assert_eq!(pool.alloc_slice_from_iter((0..1000).map(|_| ())).unwrap().len(), 1000);
    assert_eq!(pool.stats().charged, 0);
}

#[test]
fn a_pool_may_move_between_threads() {
    let pool = Pool::new();
    pool.alloc_drop(String::from("dropped over there")).unwrap();
    let pool = std::thread::spawn(move || pool.alloc(7_u8).map(|_| ()).map(|()| pool)).join();
    assert_eq!(pool.unwrap().unwrap().stats().limit_hits, 0);
}

#[test]
fn a_pool_may_be_used_across_a_caught_panic() {
    let pool = Pool::new();
    let caught = catch_unwind(|| pool.alloc_with(|| -> u64 { panic!() }).is_ok());
    assert!(caught.is_err() && pool.alloc(1).is_ok());
}

#[test]
fn debug_shows_the_name_and_the_accounts() {
    let pool = Pool::builder().name("request").limit(10 * KIB).build();
    pool.alloc([0_u8; 40]).unwrap();
    let shown = format!("{pool:?}");
    for part in ["request", "used: 40", "held: 4096", "limit: 10240"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn settings_without_sense_are_moved_to_the_nearest() {
    let builders = [
        Pool::builder().first_block_size(0).largest_block_size(0).large_threshold(0).retain(0),
        Pool::builder().first_block_size(usize::MAX).large_threshold(usize::MAX).limit(64 * KIB),
        Pool::builder().first_block_size(10 * KIB).largest_block_size(KIB),
    ];
    for builder in builders {
        let mut pool = builder.build();
        for size in [1, 500, 600, 5 * KIB] {
            assert!(reserve(&pool, layout(size, 16)).is_ok(), "{pool:?}");
        }
        assert_adds_up(pool.stats());
        pool.reset();
    }
}
