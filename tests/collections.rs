//! What collections may count on that live in a pool or in a scope.
#![cfg(feature = "allocator-api2")]
#![expect(unsafe_code, reason = "calls the allocator's methods, as a collection does")]

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use aquifer::{Pool, PoolStats};
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use proptest::prelude::*;

const KIB: usize = 1024;

type Map<Key, Value, Handle> = HashMap<Key, Value, DefaultHashBuilder, Handle>;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Overwrites memory that a test has been handed out.
fn soil(memory: NonNull<[u8]>) -> NonNull<u8> {
    // SAFETY: each test passes what it was handed out and has not given back.
    unsafe { memory.cast::<u8>().write_bytes(0xff, memory.len()) };
    memory.cast()
}

/// Copies memory out that a test has been handed out and that is written.
fn bytes(memory: NonNull<[u8]>) -> std::vec::Vec<u8> {
    // SAFETY: each test passes what it was handed out and has not given back.
    unsafe { memory.as_ref() }.to_vec()
}

fn assert_adds_up(stats: PoolStats) {
    let parts = stats.used + stats.free + stats.lost + stats.large + stats.headers;
    assert_eq!(stats.held, parts, "{stats:?}");
}

#[test]
fn a_vector_that_is_the_newest_grows_in_its_place() {
    fn check(handle: impl Allocator, pool: &Pool) {
        let mut numbers = Vec::with_capacity_in(4, handle);
        let start = numbers.as_ptr();
        numbers.extend(0..300_u64);
        assert_eq!(numbers.as_ptr(), start);
        assert_eq!(pool.stats().used, numbers.capacity() * 8);
        assert!(numbers.iter().copied().eq(0..300));
    }
    let pool = Pool::new();
    check(&pool, &pool);
    pool.scope(|scope| check(scope, scope));
    assert_eq!(pool.stats().used, 0);
}

#[test]
fn a_vector_that_is_not_the_newest_moves_and_keeps_its_elements() {
    let pool = Pool::new();
    let mut numbers = Vec::new_in(&pool);
    numbers.extend(0..16_u32);
    let start = numbers.as_ptr();
    let in_the_way = pool.alloc(u32::MAX).unwrap();
    numbers.extend(16..5000);
    assert_ne!(numbers.as_ptr(), start);
    assert!(numbers.iter().copied().eq(0..5000));
    assert_eq!(*in_the_way, u32::MAX);
}

#[test]
fn the_buffers_of_vectors_that_grow_by_turns_are_used_again() {
    let pool = Pool::builder().large_threshold(KIB).largest_block_size(4 * KIB).build();
    let mut tables = std::vec::Vec::new();
    for _ in 0..64 {
        let mut columns: [_; 3] = std::array::from_fn(|_| Vec::new_in(&pool));
        for n in 0..256_u32 {
            columns.iter_mut().for_each(|column| column.push(n));
        }
        tables.push(columns);
    }
    // What the columns leave behind on their way up adds up to as much as they end with.
    let (needed, held) = (64 * 3 * KIB, pool.stats().held);
    assert!(held < needed * 3 / 2, "{held} bytes held for {needed}");
    assert!(tables.iter().flatten().all(|column| column.iter().copied().eq(0..256)));
}

#[test]
fn vectors_that_come_and_go_leave_their_buffers_to_the_next() {
    let pool = Pool::new();
    for _ in 0..1000 {
        let mut pair = [Vec::new_in(&pool), Vec::new_in(&pool)];
        for n in 0..500_u64 {
            pair.iter_mut().for_each(|numbers| numbers.push(n));
        }
        // With a value behind them, no buffer goes back to the cursor.
        pool.alloc(0_u8).unwrap();
    }
    let held = pool.stats().held;
    assert!(held < 512 * KIB, "{held} bytes held for 16 KiB at a time");
}

#[test]
fn a_large_vector_goes_back_to_the_system_when_it_is_dropped() {
    fn check(handle: impl Allocator, pool: &Pool) {
        let before = pool.stats();
        let mut numbers = Vec::with_capacity_in(KIB, handle);
        numbers.extend(0..50_000_u32);
        assert!(pool.stats().large >= 200_000);
        assert!(pool.stats().charged >= before.charged + 200_000);
        assert!(numbers.iter().copied().eq(0..50_000));
        drop(numbers);
        assert_eq!((pool.stats().large, pool.stats().charged), (0, before.charged));
    }
    let pool = Pool::builder().large_threshold(KIB).build();
    pool.alloc(0_u8).unwrap();
    check(&pool, &pool);
    pool.scope(|scope| check(scope, scope));
    assert_adds_up(pool.stats());
}

#[test]
fn shrinking_a_vector_gives_memory_back() {
    let pool = Pool::new();
    let mut newest = Vec::with_capacity_in(100, &pool);
    newest.extend([1_u64, 2, 3]);
    newest.shrink_to_fit();
    assert_eq!((newest.capacity(), pool.stats().used), (3, 24));

    let mut older = Vec::with_capacity_in(100, &pool);
    older.extend([4_u64, 5, 6]);
    pool.alloc(0_u64).unwrap();
    older.shrink_to_fit();
    assert_eq!((pool.stats().used, pool.stats().lost), (24 + 24 + 8, 97 * 8));

    let mut large = Vec::with_capacity_in(100_000, &pool);
    large.extend(0..10_000_u64);
    large.shrink_to_fit();
    let held = pool.stats().large;
    assert!((80_000..81_000).contains(&held), "{held}");
    large.truncate(10);
    large.shrink_to_fit();
    assert_eq!((pool.stats().large, large.capacity()), (0, 10));
    assert_eq!((&newest[..], &older[..]), (&[1, 2, 3][..], &[4, 5, 6][..]));
    assert!(large.iter().copied().eq(0..10));
}

#[test]
fn elements_without_a_size_cost_nothing() {
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    #[repr(align(64))]
    struct Nothing;

    let pool = Pool::builder().limit(0).build();
    let mut list = Vec::new_in(&pool);
    list.resize(100_000, Nothing);
    assert_eq!(list.as_ptr().align_offset(64), 0);
    assert_eq!(*Box::new_in(Nothing, &pool), Nothing);
    let empty = HashSet::<u64, DefaultHashBuilder, _>::new_in(&pool);
    let nowhere = Allocator::allocate(&&pool, layout(0, 64)).unwrap();
    assert_eq!(nowhere.addr().get() % 64, 0);
    assert_eq!((list.len(), empty.len(), nowhere.len()), (100_000, 0, 0));
    assert_eq!((pool.stats().charged, pool.stats().limit_hits), (0, 0));
}

#[test]
fn elements_stay_aligned_as_their_vector_grows() {
    #[repr(align(256))]
    struct Wide(u8);

    let pool = Pool::new();
    let mut list = Vec::new_in(&pool);
    for n in 0..=255 {
        pool.alloc(0_u8).unwrap();
        list.push(Wide(n));
        assert_eq!(list.as_ptr() as usize % 256, 0);
    }
    assert!(pool.stats().large >= 256 * 256, "grew across the large threshold");
    assert!(list.iter().map(|wide| wide.0).eq(0..=255));
}

#[test]
fn a_buffer_that_is_used_again_is_aligned_for_its_new_owner() {
    #[repr(align(256))]
    struct Wide(u8);

    let pool = Pool::builder().large_threshold(KIB).largest_block_size(4 * KIB).build();
    let buffers = (0..50).map(|_| Vec::<u64, _>::with_capacity_in(100, &pool));
    drop(buffers.inspect(|_| _ = pool.alloc(0_u64)).collect::<std::vec::Vec<_>>());
    let held = pool.stats().held;
    let boxes = (0..60).map(|n| Box::new_in(Wide(n), &pool)).collect::<std::vec::Vec<_>>();
    assert!(pool.stats().held - held < 60 * 256 / 2, "most lie in the vectors' buffers");
    assert!(boxes.iter().all(|wide| &raw const **wide as usize % 256 == 0));
    assert!(boxes.iter().map(|wide| wide.0).eq(0..60));
}

#[test]
fn exactly_the_requested_bytes_are_returned() {
    fn check(handle: impl Allocator) {
        let sizes = [0, 1, 63, 64, 100, KIB, KIB + 1, 100 * KIB];
        for (size, align) in sizes.into_iter().flat_map(|size| [1, 16, 128].map(|n| (size, n))) {
            let (old, new) = (layout(size, align), layout(size * 2 + 1, align));
            let zeroed = handle.allocate_zeroed(old).unwrap();
            let mut memory = handle.allocate(old).unwrap();
            assert_eq!((memory.len(), zeroed.len()), (size, size));
            assert_eq!(memory.addr().get() % align, 0);
            // SAFETY: handed out for `old`; from here on only the result is used.
            memory = unsafe { handle.grow(soil(memory), old, new) }.unwrap();
            assert_eq!(memory.len(), new.size());
            // SAFETY: grown to `new`; from here on only the result is used.
            memory = unsafe { handle.shrink(soil(memory), new, old) }.unwrap();
            assert_eq!(memory.len(), size);
            // SAFETY: shrunk to `old`; from here on only the result is used.
            memory = unsafe { handle.grow_zeroed(soil(memory), old, new) }.unwrap();
            assert_eq!(memory.len(), new.size());
        }
    }
    let pool = Pool::builder().large_threshold(KIB).build();
    check(&pool);
    pool.scope(|scope| check(scope));
}

#[test]
fn zeroed_memory_is_zero_where_it_was_used_before() {
    fn check(handle: impl Allocator) {
        for layout in [8, 100, KIB, KIB + 1, 70 * KIB].map(|size| layout(size, 8)) {
            let used = soil(handle.allocate(layout).unwrap());
            // SAFETY: handed out above.
            unsafe { handle.deallocate(used, layout) };
            let zeroed = handle.allocate_zeroed(layout).unwrap();
            assert_eq!(bytes(zeroed), vec![0; layout.size()]);
            // SAFETY: handed out above.
            unsafe { handle.deallocate(soil(zeroed), layout) };
        }
    }
    let pool = Pool::builder().large_threshold(KIB).build();
    check(&pool);
    pool.scope(|scope| check(scope));
}

#[test]
fn memory_that_grows_zeroed_is_zero_behind_what_it_was() {
    fn check(handle: impl Allocator, is_newest: bool) {
        for sizes in [(0, 80), (8, 16), (100, 900), (900, 5000), (5000, 70 * KIB), (64, 64)] {
            let (old, new) = (layout(sizes.0, 8), layout(sizes.1, 8));
            let used = soil(handle.allocate(new).unwrap());
            // SAFETY: handed out above.
            unsafe { handle.deallocate(used, new) };
            let memory = soil(handle.allocate(old).unwrap());
            if !is_newest {
                handle.allocate(layout(1, 1)).unwrap();
            }
            // SAFETY: handed out for `old`; from here on only the result is used.
            let grown = bytes(unsafe { handle.grow_zeroed(memory, old, new) }.unwrap());
            assert_eq!(grown[..old.size()], vec![0xff; old.size()]);
            assert_eq!(grown[old.size()..], vec![0; new.size() - old.size()]);
        }
    }
    let pool = Pool::builder().large_threshold(KIB).build();
    check(&pool, true);
    check(&pool, false);
    pool.scope(|scope| check(scope, false));
}

#[test]
fn the_parents_collections_grow_inside_a_scope_and_survive_it() {
    let pool = Pool::new();
    let (mut list, mut map) = (Vec::new_in(&pool), Map::new_in(&pool));
    for round in 0..20_u64 {
        pool.scope(|scope| {
            let mut passing = Vec::new_in(scope);
            for n in round * 100..(round + 1) * 100 {
                list.push(n);
                passing.push(u64::MAX);
                map.insert(n, n * n);
            }
            scope.alloc_slice_fill_with(500, |_| u64::MAX).unwrap();
        });
        assert_adds_up(pool.stats());
    }
    assert!(list.iter().copied().eq(0..2000));
    assert!(list.iter().all(|n| map[n] == n * n));
}

#[test]
fn collections_find_the_memory_of_the_ones_before_them() {
    fn fill(handle: impl Allocator + Copy, round: u64) {
        let (mut list, mut map) = (Vec::new_in(handle), Map::new_in(handle));
        for n in round..round + 100 {
            list.push(n);
            map.insert(n, !n);
        }
        assert!(list.iter().copied().eq(round..round + 100));
        assert!(list.iter().all(|n| map[n] == !n));
    }
    let mut pool = Pool::new();
    for round in 0..5 {
        pool.scope(|scope| fill(scope, round));
        fill(&pool, round);
        pool.reset();
    }
    let high_water = pool.stats().high_water;
    for round in 5..50 {
        pool.scope(|scope| fill(scope, round));
        fill(&pool, round);
        pool.reset();
    }
    assert_eq!(pool.stats().high_water, high_water);
}

#[test]
fn a_collection_that_may_not_grow_says_so_and_is_unchanged() {
    fn check(handle: impl Allocator + Copy, pool: &Pool) {
        let (mut list, mut map) = (Vec::new_in(handle), Map::new_in(handle));
        list.extend(0..100_u32);
        map.extend((0..50_u32).map(|n| (n, n)));
        let (start, capacity, stats) = (list.as_ptr(), list.capacity(), pool.stats());
        assert!(list.try_reserve(10_000).is_err());
        assert!(list.try_reserve(3000).is_err());
        assert!(map.try_reserve(10_000).is_err());
        assert_eq!((list.as_ptr(), list.capacity()), (start, capacity));
        let now = pool.stats();
        assert_eq!((now.used, now.charged), (stats.used, stats.charged));
        assert_eq!(now.limit_hits, stats.limit_hits + 3);
        assert!(list.iter().copied().eq(0..100) && (0..50).all(|n| map[&n] == n));
        assert!(list.try_reserve(200).is_ok(), "what fits is still granted");
    }
    let mut pool = Pool::builder().limit(12 * KIB).build();
    check(&pool, &pool);
    pool.reset();
    pool.scope(|scope| check(scope, scope));
}

/// Yields `count` numbers and says that there are `promised`.
#[derive(Clone)]
struct Liar {
    promised: usize,
    count: u8,
}

impl Iterator for Liar {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.count = self.count.checked_sub(1)?;
        Some(self.count)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.promised, Some(self.promised))
    }
}

#[test]
fn a_slice_is_as_long_as_its_iterator_whatever_that_says() {
    let pool = Pool::builder().limit(64 * KIB).build();
    for promised in [0, 1, 199, 201, 100_000, isize::MAX as usize, usize::MAX] {
        let used = pool.stats().used;
        let slice = pool.alloc_slice_from_iter(Liar { promised, count: 200 }).unwrap();
        assert!(slice.iter().copied().eq((0..200).rev()));
        assert_eq!(pool.stats().used, used + 200, "promised {promised}");
    }
    assert_eq!(pool.stats().limit_hits, 0);
}

#[test]
fn a_collection_is_none_the_worse_for_an_iterator_that_lies() {
    fn check(handle: impl Allocator + Copy) {
        let (mut list, mut set) =
            (Vec::new_in(handle), HashSet::<u8, DefaultHashBuilder, _>::new_in(handle));
        list.extend([1, 2, 3]);
        set.extend([1, 2, 3]);
        let endless = Liar { promised: usize::MAX, count: 200 };
        // No such capacity exists, so the collections panic, before they have taken anything.
        catch_unwind(AssertUnwindSafe(|| set.extend(endless.clone()))).unwrap_err();
        catch_unwind(AssertUnwindSafe(|| list.extend(endless))).unwrap_err();
        assert_eq!(set.len(), 3);
        // A vector asks for its iterator's promise only once it is full.
        let len = list.len();
        assert_eq!(list[..3], [1, 2, 3]);
        for promised in [0, 199, 5000] {
            list.extend(Liar { promised, count: 200 });
            set.extend(Liar { promised, count: 200 });
        }
        assert_eq!((list.len(), set.len()), (len + 600, 200));
        assert!(list[len + 400..].iter().copied().eq((0..200).rev()));
    }
    let pool = Pool::new();
    check(&pool);
    pool.scope(|scope| check(scope));
    assert_adds_up(pool.stats());
}

/// Counts in a place of its own how often it is dropped.
struct Token<'counts>(&'counts Cell<u32>);

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn every_element_is_dropped_exactly_once() {
    fn check(handle: impl Allocator + Copy) {
        let counts = vec![Cell::new(0); 1000];
        let tokens = || counts.iter().map(Token).enumerate();
        let mut list = Vec::new_in(handle);
        let mut map = Map::new_in(handle);
        for (n, token) in tokens() {
            match n % 3 {
                0 => list.push(Box::new_in(token, handle)),
                1 => _ = map.insert(n, token),
                // The map drops the older of the two: each key comes twice.
                _ => _ = map.insert(n - 1, token),
            }
        }
        list.shrink_to_fit();
        list.truncate(200);
        drop(list.drain(50..60));
        list.into_iter().nth(100);
        map.retain(|n, _| n % 2 == 0);
        map.shrink_to_fit();
        drop(map);
        assert!(counts.iter().all(|count| count.get() == 1));
    }
    let pool = Pool::new();
    check(&pool);
    pool.scope(|scope| check(scope));
}

#[test]
fn elements_are_dropped_when_a_scope_unwinds() {
    let pool = Pool::new();
    let counts = vec![Cell::new(0); 10];
    let panicking = AssertUnwindSafe(|| {
        pool.scope(|scope| {
            let mut inside = Vec::new_in(scope);
            let mut outside = Vec::new_in(&pool);
            for (n, count) in counts.iter().enumerate() {
                if n % 2 == 0 { inside.push(Token(count)) } else { outside.push(Token(count)) }
            }
            // The scope drops this one, which lies in the parent pool.
            scope.alloc_drop(outside).unwrap();
            panic!("half-way");
        })
    });
    catch_unwind(panicking).unwrap_err();
    assert!(counts.iter().all(|count| count.get() == 1));
    assert_adds_up(pool.stats());
}

#[test]
fn a_boxed_slice_is_left_to_its_pool() {
    let mut pool = Pool::new();
    let mut list = Vec::with_capacity_in(1000, &pool);
    list.extend(0..10_u16);
    let kept: &mut [u16] = Box::leak(list.into_boxed_slice());
    let other = Box::new_in([0_u16; 100], &pool);
    kept[0] = 7;
    assert_eq!((kept[..2].to_vec(), other[99]), (vec![7, 1], 0));
    drop(other);
    assert_eq!(pool.stats().used, 24, "20 bytes, in whole grains of eight");
    pool.reset();
    assert_eq!(pool.stats().used, 0);
}

/// What is done to the lists and the map of the next test; the first number picks the list.
#[derive(Clone, Debug)]
enum Step {
    Extend(usize, u16),
    Truncate(usize, usize),
    Shrink(usize),
    Replace(usize),
    Insert(u16),
    Remove(u16),
}

const LISTS: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..LISTS, 0..600_u16).prop_map(|(list, count)| Step::Extend(list, count)),
        (0..LISTS, 0..1000_usize).prop_map(|(list, len)| Step::Truncate(list, len)),
        (0..LISTS).prop_map(Step::Shrink),
        (0..LISTS).prop_map(Step::Replace),
        (0..300_u16).prop_map(Step::Insert),
        (0..300_u16).prop_map(Step::Remove),
    ]
}

/// Collections of one pool, and beside each the one of the standard library that it is to equal.
struct Twins<'pool> {
    pool: &'pool Pool,
    lists: [(Vec<u16, &'pool Pool>, std::vec::Vec<u16>); LISTS],
    map: (Map<u16, u16, &'pool Pool>, BTreeMap<u16, u16>),
}

impl<'pool> Twins<'pool> {
    fn new(pool: &'pool Pool) -> Self {
        let lists = std::array::from_fn(|_| (Vec::new_in(pool), std::vec::Vec::new()));
        Self { pool, lists, map: (Map::new_in(pool), BTreeMap::new()) }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Extend(list, count) => {
                self.lists[list].0.extend(0..count);
                self.lists[list].1.extend(0..count);
            }
            Step::Truncate(list, len) => {
                self.lists[list].0.truncate(len);
                self.lists[list].1.truncate(len);
            }
            Step::Shrink(list) => self.lists[list].0.shrink_to_fit(),
            Step::Replace(list) => self.lists[list] = (Vec::new_in(self.pool), vec![]),
            Step::Insert(key) => {
                assert_eq!(self.map.0.insert(key, !key), self.map.1.insert(key, !key));
            }
            Step::Remove(key) => assert_eq!(self.map.0.remove(&key), self.map.1.remove(&key)),
        }
    }

    fn check(&self) {
        assert_adds_up(self.pool.stats());
        for (list, twin) in &self.lists {
            assert_eq!(list[..], twin[..]);
        }
        assert_eq!(self.map.0.len(), self.map.1.len());
        assert!(self.map.1.iter().all(|(key, value)| self.map.0.get(key) == Some(value)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn collections_of_one_pool_stay_out_of_each_others_way(
        steps in prop::collection::vec(step(), 0..100)
    ) {
        let pool = Pool::builder().first_block_size(256).large_threshold(KIB).build();
        let mut twins = Twins::new(&pool);
        for step in &steps {
            twins.apply(step);
            twins.check();
        }
        drop(twins);
        prop_assert_eq!(pool.stats().large, 0);
    }
}

#[cfg(feature = "allocator-api2-04")]
mod newer_trait {
    //! The same pool for collections of `allocator-api2` 0.4.

    use allocator_api2_04 as newer;

    use super::{Cell, KIB, Map, Pool, Token, Vec, assert_adds_up};

    #[test]
    fn collections_of_both_traits_live_in_one_pool() {
        fn check<A>(handle: A, pool: &Pool)
        where
            A: newer::alloc::Allocator + allocator_api2::alloc::Allocator + Copy,
        {
            let mut older_list = Vec::new_in(handle);
            let mut newer_list = newer::vec::Vec::new_in(handle);
            let mut map = Map::new_in(handle);
            for n in 0..10_000_u32 {
                older_list.push(n);
                newer_list.push(newer::boxed::Box::new_in(n, handle));
                map.insert(n, !n);
            }
            assert!(older_list.iter().eq(newer_list.iter().map(|boxed| &**boxed)));
            assert!(older_list.iter().all(|n| map[n] == !n));
            assert_adds_up(pool.stats());
            drop((older_list, newer_list, map));
            assert_eq!(pool.stats().large, 0);
        }
        let pool = Pool::new();
        check(&pool, &pool);
        pool.scope(|scope| check(scope, scope));
    }

    #[test]
    fn a_newer_vector_grows_in_its_place_and_is_freed_at_once() {
        let pool = Pool::new();
        let mut small = newer::vec::Vec::with_capacity_in(4, &pool);
        let start = small.as_ptr();
        small.extend(0..300_u64);
        assert_eq!((small.as_ptr(), pool.stats().used), (start, small.capacity() * 8));
        let mut large = newer::vec::Vec::new_in(&pool);
        large.resize(100 * KIB, 1_u8);
        assert!(pool.stats().large >= 100 * KIB);
        drop(large);
        assert_eq!(pool.stats().large, 0);
        assert!(small.iter().copied().eq(0..300));
    }

    #[test]
    fn a_newer_vector_that_may_not_grow_is_unchanged() {
        let pool = Pool::builder().limit(8 * KIB).build();
        let mut list = newer::vec::Vec::new_in(&pool);
        list.extend(0..100_u32);
        assert!(list.try_reserve(10_000).is_err());
        assert!(newer::boxed::Box::try_new_in([0_u8; 10_000], &pool).is_err());
        assert_eq!(pool.stats().limit_hits, 2);
        assert!(list.iter().copied().eq(0..100));
    }

    #[test]
    fn a_newer_collection_drops_each_element_once() {
        let pool = Pool::new();
        let counts = [const { Cell::new(0) }; 100];
        let mut list = newer::vec::Vec::new_in(&pool);
        list.extend(counts.iter().map(|count| newer::boxed::Box::new_in(Token(count), &pool)));
        list.truncate(70);
        list.into_iter().nth(30);
        assert!(counts.iter().all(|count| count.get() == 1));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_newer_vector_of_a_shared_heap_grows_shrinks_and_is_refused() {
        use aquifer::{Backing, HeapOptions};

        let heap = HeapOptions::new(64 * KIB).participants(4).create(&Backing::Memfd).unwrap();
        let figures = || (heap.stats().used_blocks, heap.stats().used_bytes);
        let mut list = newer::vec::Vec::new_in(&heap);
        list.extend(0..2000_u32);
        assert!(figures().0 == 1 && figures().1 >= 8000 && list.iter().copied().eq(0..2000));
        list.truncate(10);
        list.shrink_to_fit();
        assert_eq!((list.capacity(), figures()), (10, (1, 40)));
        assert!(list.try_reserve(20_000).is_err());
        assert!(newer::boxed::Box::try_new_in([0_u8; 80_000], &heap).is_err());
        assert!(list.iter().copied().eq(0..10) && figures() == (1, 40));
        drop(list);
        assert_eq!(figures(), (0, 0));
        heap.check().unwrap();
    }
}
