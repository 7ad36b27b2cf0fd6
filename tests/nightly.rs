//! What the standard library's own collections may count on that live in a pool or in a scope.
#![cfg(feature = "nightly")]
#![cfg_attr(feature = "nightly", feature(allocator_api, btreemap_alloc))]

use std::alloc::Allocator;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::RandomState;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use aquifer::{Backing, HeapOptions};
use aquifer::{Pool, PoolStats};

const KIB: usize = 1024;

/// Counts in a place of its own how often it is dropped.
#[derive(Debug)]
struct Token<'counts>(&'counts Cell<u32>);

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Gives tokens to a closure and checks that each was dropped once when it returns.
fn assert_dropped_once(use_up: impl FnOnce(&mut dyn Iterator<Item = Token<'_>>)) {
    let counts = vec![Cell::new(0); 1000];
    use_up(&mut counts.iter().map(Token));
    let wrong = counts.iter().filter(|count| count.get() != 1).count();
    assert_eq!(wrong, 0, "of 1000 are not dropped, or more than once");
}

fn assert_adds_up(stats: PoolStats) {
    let parts = stats.used + stats.free + stats.lost + stats.large + stats.headers;
    assert_eq!(stats.held, parts, "{stats:?}");
}

#[test]
fn a_vector_grows_in_its_place_and_gives_its_memory_back() {
    fn check(handle: impl Allocator, pool: &Pool) {
        let mut numbers = Vec::with_capacity_in(4, handle);
        let start = numbers.as_ptr();
        numbers.extend(0..300_u64);
        assert_eq!((numbers.as_ptr(), pool.stats().used), (start, numbers.capacity() * 8));
        numbers.shrink_to_fit();
        assert_eq!((numbers.as_ptr(), pool.stats().used), (start, 300 * 8));
        numbers.extend(300..10_000);
        assert!(pool.stats().large >= 80_000);
        assert!(numbers.iter().copied().eq(0..10_000));
        drop(numbers);
        assert_eq!(pool.stats().large, 0);
        assert_adds_up(pool.stats());
    }
    let pool = Pool::new();
    check(&pool, &pool);
    pool.scope(|scope| check(scope, scope));
}

#[test]
fn a_collection_that_may_not_grow_says_so_and_is_unchanged() {
    let pool = Pool::builder().limit(8 * KIB).build();
    let (mut list, mut queue) = (Vec::new_in(&pool), VecDeque::new_in(&pool));
    list.extend(0..100_u32);
    queue.extend(0..100_u32);
    assert!(list.try_reserve(10_000).is_err());
    assert!(queue.try_reserve(10_000).is_err());
    assert!(Box::try_new_in([0_u8; 10_000], &pool).is_err());
    assert_eq!(pool.stats().limit_hits, 3);
    assert!(list.iter().eq(&queue) && list.len() == 100);
}

#[test]
fn boxes_of_unsized_types_live_in_a_pool() {
    fn check<A: Allocator + Copy>(handle: A, pool: &Pool) {
        let number = Cell::new(0);
        let closures: [Box<dyn Fn(u32) + '_, A>; 2] = [
            Box::new_in(|n| number.set(number.get() + n), handle),
            Box::new_in(|n| number.set(number.get() * n), handle),
        ];
        closures.iter().for_each(|closure| closure(3));
        assert_eq!((number.get(), pool.stats().used), (9, 16));
        drop(closures);
        let used = pool.stats().used;
        let mut zeros = Vec::new_in(handle);
        zeros.resize(1000, 0_u8);
        let zeros: Box<[u8], A> = zeros.into_boxed_slice();
        assert_eq!(pool.stats().used, used + 1000);
        assert!(zeros.iter().all(|byte| *byte == 0));
    }
    let pool = Pool::new();
    check(&pool, &pool);
    pool.scope(|scope| check(scope, scope));
}

#[test]
fn vectors_and_boxes_drop_each_element_once() {
    fn check(handle: impl Allocator + Copy) {
        assert_dropped_once(|tokens| {
            let mut list = Vec::new_in(handle);
            list.extend(tokens.map(|token| Box::new_in(token, handle)));
            list.truncate(900);
            list.drain(10..20);
            list.shrink_to_fit();
            list.into_iter().nth(300);
        });
    }
    let pool = Pool::new();
    check(&pool);
    pool.scope(|scope| check(scope));
    assert_adds_up(pool.stats());
}

#[test]
fn shared_pointers_drop_their_value_with_the_last_of_them() {
    fn check<P>(count: &Cell<u32>, first: P, weaken: impl FnOnce(P) -> bool)
    where
        P: Clone + Deref,
    {
        let others = [first.clone(), first.clone()];
        drop(others);
        assert_eq!(count.get(), 0);
        assert!(weaken(first), "the weak pointer leads nowhere");
        assert_eq!(count.get(), 1);
    }
    fn check_both(handle: impl Allocator + Copy, pool: &Pool) {
        let counts = [Cell::new(0), Cell::new(0)];
        check(&counts[0], Rc::new_in(Token(&counts[0]), handle), |last| {
            let weak = Rc::downgrade(&last);
            drop(last);
            weak.upgrade().is_none()
        });
        check(&counts[1], Arc::new_in(Token(&counts[1]), handle), |last| {
            let weak = Arc::downgrade(&last);
            drop(last);
            weak.upgrade().is_none()
        });
        assert_eq!(pool.stats().used, 0, "both have given their memory back to the cursor");
    }
    let pool = Pool::new();
    check_both(&pool, &pool);
    pool.scope(|scope| check_both(scope, scope));
}

#[test]
fn a_tree_keeps_its_order_and_drops_each_value_once() {
    fn check(handle: impl Allocator + Copy) {
        assert_dropped_once(|tokens| {
            let mut tree = BTreeMap::new_in(handle);
            for (n, token) in tokens.enumerate() {
                tree.insert(n * 7 % 1000, token);
            }
            assert!(tree.keys().copied().eq(0..1000));
            tree.retain(|key, _| key % 3 != 0);
            let upper = tree.split_off(&500);
            assert_eq!((tree.len(), upper.len()), (333, 333));
            upper.into_iter().nth(100);
        });
    }
    let pool = Pool::new();
    check(&pool);
    pool.scope(|scope| check(scope));
    assert_adds_up(pool.stats());
}

#[test]
fn a_queue_turns_round_and_drops_each_element_once() {
    fn check(handle: impl Allocator + Copy) {
        assert_dropped_once(|tokens| {
            let mut queue = VecDeque::new_in(handle);
            for (n, token) in tokens.enumerate() {
                if n % 2 == 0 {
                    queue.push_back((n, token))
                } else {
                    queue.push_front((n, token))
                }
                if n % 5 == 4 {
                    queue.pop_front();
                }
            }
            queue.shrink_to_fit();
            assert_eq!((queue.len(), queue.back().map(|(n, _)| *n)), (800, Some(998)));
        });
    }
    let pool = Pool::new();
    check(&pool);
    pool.scope(|scope| check(scope));
    assert_eq!(pool.stats().large, 0);
}

#[test]
fn a_hash_map_finds_what_it_was_given_and_drops_each_value_once() {
    fn check(handle: impl Allocator + Copy, pool: &Pool) {
        assert_dropped_once(|tokens| {
            let mut map = HashMap::with_hasher_in(RandomState::new(), handle);
            map.extend(tokens.enumerate());
            assert!(pool.stats().large > 1000 * size_of::<(usize, Token<'_>)>());
            assert!((0..1000).all(|key| map.contains_key(&key)));
            map.retain(|key, _| key % 100 == 0);
            map.shrink_to_fit();
            assert_eq!((map.len(), pool.stats().large), (10, 0));
        });
    }
    let pool = Pool::new();
    check(&pool, &pool);
    pool.scope(|scope| check(scope, scope));
    assert_adds_up(pool.stats());
}

#[test]
#[cfg(target_os = "linux")]
fn a_collection_of_a_shared_heap_grows_shrinks_and_is_refused() {
    let heap = HeapOptions::new(64 * KIB).participants(4).create(&Backing::Memfd).unwrap();
    let figures = || (heap.stats().used_blocks, heap.stats().used_bytes);
    let mut list = Vec::new_in(&heap);
    list.extend(0..2000_u32);
    assert!(figures().0 == 1 && figures().1 >= 8000 && list.iter().copied().eq(0..2000));
    list.truncate(10);
    list.shrink_to_fit();
    assert_eq!((list.capacity(), figures()), (10, (1, 40)));
    assert!(list.try_reserve(20_000).is_err());
    assert!(Box::try_new_in([0_u8; 80_000], &heap).is_err());
    assert!(list.iter().copied().eq(0..10) && figures() == (1, 40));
    let mut tree = BTreeMap::new_in(&heap);
    tree.extend(list.iter().map(|&n| (n, Rc::new_in(n, &heap))));
    assert!(tree.values().map(|n| **n).eq(0..10) && figures().0 > 11);
    drop((tree, list));
    assert_eq!(figures(), (0, 0));
    heap.check().unwrap();
}

#[test]
fn the_parents_collections_grow_inside_a_scope_and_survive_it() {
    let pool = Pool::new();
    let (mut list, mut tree) = (Vec::new_in(&pool), BTreeMap::new_in(&pool));
    for round in 0..20_u64 {
        pool.scope(|scope| {
            let mut passing = Vec::new_in(scope);
            for n in round * 100..(round + 1) * 100 {
                list.push(Rc::new_in(n, &pool));
                passing.push(u64::MAX);
                tree.insert(n, Rc::clone(&list[n as usize]));
            }
        });
    }
    assert!(list.iter().map(|n| **n).eq(0..2000));
    assert!(tree.into_values().eq(list));
}
