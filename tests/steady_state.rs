//! In the steady state a request asks the system for nothing.
#![cfg(not(aquifer_in_slab))]
#![expect(unsafe_code, reason = "counts what a global allocator is asked for")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool, PoolCache};
use hashbrown::{DefaultHashBuilder, HashMap};

struct Counting;

thread_local! {
    /// How often this thread asked the system.
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often a closure asks the system.
fn count(closure: impl FnOnce()) -> usize {
    let before = ASKED.get();
    closure();
    ASKED.get() - before
}

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, values: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(values, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

/// A request with collections, cleanups, nested scopes, and more than one block's worth of values.
fn serve(pool: &Pool, closed: &Cell<u32>) -> Result<usize, AllocError> {
    let mut headers = HashMap::with_hasher_in(DefaultHashBuilder::default(), pool);
    let mut body: Vec<u8, &Pool> = Vec::new_in(pool);
    for n in 0..100 {
        headers.insert(pool.alloc_fmt(format_args!("x-header-{n}"))?, n);
        body.extend_from_slice(b"some bytes of a response that grows and grows");
    }
    let parsed = pool.scope(|scope| {
        let _ = scope.defer(|_| closed.set(closed.get() + 1))?;
        scope.alloc_slice_fill_with(1000, |n| n).map(|words| words.len())
    })?;
    Ok(parsed + headers.len() + body.len())
}

#[test]
fn a_warm_cache_asks_the_system_for_nothing() {
    let cache = PoolCache::default();
    let closed = Cell::new(0);
    let asked: [usize; 20] = std::array::from_fn(|_| {
        count(|| assert_eq!(cache.scope(|pool| serve(pool, &closed)), Ok(1000 + 100 + 4500)))
    });
    assert!(asked[0] > 0, "the first request warms the pool: {asked:?}");
    assert_eq!(asked[10..], [0; 10], "{asked:?}");
    assert_eq!(closed.get(), 20);
}

#[test]
fn a_pool_and_its_scopes_stay_warm_together() {
    let cache = PoolCache::default();
    let asked: [usize; 20] = std::array::from_fn(|_| {
        count(|| {
            let pool = cache.get();
            pool.alloc(1).unwrap();
            pool.scope(|scope| {
                for _ in 0..200 {
                    scope.alloc([0_u8; 1000]).unwrap();
                }
            });
        })
    });
    assert_eq!(asked[10..], [0; 10], "{asked:?}");
}

#[test]
fn one_huge_request_does_not_cool_those_after_it() {
    let settings = [
        Pool::builder(),
        Pool::builder().retain(100 << 10),
        Pool::builder().first_block_size(6000).largest_block_size(1 << 20),
    ];
    for settings in settings {
        let cache = PoolCache::new(settings.clone());
        cache.scope(|pool| {
            for _ in 0..4000 {
                pool.alloc([0_u8; 500]).unwrap();
            }
        });
        let asked: [usize; 50] = std::array::from_fn(|_| {
            count(|| {
                cache.scope(|pool| {
                    pool.alloc(1).unwrap();
                    pool.scope(|inner| inner.alloc(2).map(|_| ())).unwrap();
                });
            })
        });
        assert_eq!(asked[10..], [0; 40], "{settings:?}: {asked:?}");
    }
}
