//! In the steady state a request asks the system for nothing.
#![expect(unsafe_code, reason = "counts what a global allocator is asked for")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool, PoolCache};
use hashbrown::{DefaultHashBuilder, HashMap};

struct Counting;

static REQUESTS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.fetch_add(1, Relaxed);
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

/// One test alone in this program: another one's requests would be counted, too.
#[test]
fn a_warm_cache_asks_the_system_for_nothing() {
    let cache = PoolCache::default();
    let closed = Cell::new(0);
    let mut asked = [0; 20];
    for asked in &mut asked {
        let before = REQUESTS.load(Relaxed);
        assert_eq!(cache.scope(|pool| serve(pool, &closed)), Ok(1000 + 100 + 4500));
        *asked = REQUESTS.load(Relaxed) - before;
    }
    assert!(asked[0] > 0, "the first request warms the pool: {asked:?}");
    assert_eq!(asked[10..], [0; 10], "{asked:?}");
    assert_eq!(closed.get(), 20);
}
