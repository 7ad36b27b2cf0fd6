//! What a cache of pools promises: warm and reset pools, within bounds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use aquifer::{AllocError, CachedPool, Pool, PoolCache};

const KIB: usize = 1024;

#[test]
fn a_pool_comes_back_reset_and_warm() {
    let cache = PoolCache::default();
    let shared = Arc::new(());
    let place = |cache: &PoolCache| {
        let pool = cache.get();
        assert_eq!((pool.stats().used, pool.stats().large), (0, 0));
        pool.alloc_drop(Arc::clone(&shared)).unwrap();
        pool.alloc_slice_fill_with(100 * KIB, |_| 0_u8).unwrap();
        &raw const *pool.alloc(1_u64).unwrap() as usize
    };
    let first = place(&cache);
    assert_eq!((cache.pools(), cache.bytes(), Arc::strong_count(&shared)), (1, 4 * KIB, 1));
    assert_eq!(place(&cache), first);
}

#[test]
fn a_request_may_return_fail_or_panic() {
    let cache = PoolCache::new(Pool::builder().limit(10 * KIB));
    assert_eq!(cache.scope(|pool| pool.alloc_str("path").map(|path| path.len())), Ok(4));
    let refused = cache.scope(|pool| pool.alloc_slice_fill_with(10 * KIB, |_| 0_u8).map(|_| ()));
    assert_eq!(refused, Err(AllocError));
    let record = std::cell::Cell::new(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        cache.scope(|pool| {
            let _ = pool.defer(|_| record.set(1)).unwrap();
            panic!()
        })
    }));
    panicked.unwrap_err();
    assert_eq!((record.get(), cache.pools()), (1, 1));
    assert_eq!(cache.scope(|pool| pool.stats().used), 0);
}

#[test]
fn a_panicking_cleanup_does_not_lose_the_pool() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let cache = PoolCache::default();
    let pool = cache.get();
    pool.alloc_drop(Panics).unwrap();
    pool.alloc(1_u8).unwrap();
    catch_unwind(AssertUnwindSafe(|| drop(pool))).unwrap_err();
    assert_eq!((cache.pools(), cache.get().stats().used), (1, 0));
}

#[test]
fn the_cache_is_bounded_in_pools_and_bytes() {
    let pools = |cache: &PoolCache| {
        let taken: Vec<CachedPool<'_>> = (0..10).map(|_| cache.get()).collect();
        for pool in &taken {
            pool.alloc(1_u8).unwrap();
        }
        drop(taken);
        (cache.pools(), cache.bytes())
    };
    assert_eq!(pools(&PoolCache::default().max_pools(3)), (3, 12 * KIB));
    assert_eq!(pools(&PoolCache::default().max_bytes(20 * KIB)), (5, 20 * KIB));
    assert_eq!(pools(&PoolCache::default().max_pools(0)), (0, 0));
    let cache = PoolCache::default();
    assert_eq!(pools(&cache), (10, 40 * KIB));
    cache.clear();
    assert_eq!((cache.pools(), cache.bytes()), (0, 0));
}

#[test]
fn a_guard_lives_in_a_struct_and_moves_to_another_thread() {
    static CACHE: PoolCache = PoolCache::new(Pool::builder().name("connection"));
    struct Connection {
        pool: CachedPool<'static>,
        requests: u32,
    }
    let mut connection = Connection { pool: CACHE.get(), requests: 0 };
    connection.pool.alloc(1_u8).unwrap();
    let connection = thread::spawn(move || {
        connection.pool.reset();
        connection.pool.alloc_str("served here").unwrap();
        connection.requests += 1;
        connection
    });
    let connection = connection.join().unwrap();
    assert_eq!((connection.requests, connection.pool.stats().used), (1, 11));
    drop(connection);
    assert_eq!(CACHE.pools(), 1);
}

#[test]
fn collections_take_a_guard() {
    let cache = PoolCache::default();
    let pool = cache.get();
    let mut words = allocator_api2::vec::Vec::new_in(&pool);
    words.extend(0..1000_u16);
    assert_eq!((words.len(), pool.stats().large), (1000, 0));
}

#[test]
fn threads_share_a_cache() {
    let cache = PoolCache::default().max_pools(4);
    thread::scope(|scope| {
        for thread in 0..4_u64 {
            let cache = &cache;
            scope.spawn(move || {
                for request in 0..500 {
                    let sum = cache.scope(|pool| {
                        let words = pool.alloc_slice_fill_with(100, |_| thread ^ request).unwrap();
                        words.iter().sum::<u64>()
                    });
                    assert_eq!(sum, 100 * (thread ^ request));
                }
            });
        }
    });
    assert!((1..=4).contains(&cache.pools()), "{cache:?}");
}
