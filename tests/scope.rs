//! What a scope promises: it is rolled back, and its parent stays usable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool};

const KIB: usize = 1024;

/// Uses blocks and large allocations of a pool.
fn fill(pool: &Pool) -> Result<(), AllocError> {
    for n in 0..1000_usize {
        pool.alloc_slice_fill_with(n, |index| index)?;
    }
    Ok(())
}

#[test]
fn a_scope_is_rolled_back_however_it_ends() {
    let pool = Pool::builder().retain(0).build();
    let kept = pool.alloc_str("kept").unwrap();
    let before = pool.stats();
    pool.scope(|scope| fill(scope)).unwrap();
    let failed = pool.scope(|scope| fill(scope).and(Err::<(), AllocError>(AllocError)));
    assert_eq!(failed, Err(AllocError));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        pool.scope(|scope| {
            fill(scope).unwrap();
            panic!()
        })
    }));
    panicked.unwrap_err();
    let mut expected = before;
    expected.high_water = pool.stats().high_water;
    assert_eq!((pool.stats(), &*kept), (expected, "kept"));
}

#[test]
fn the_parents_collections_grow_inside_of_a_scope() {
    let pool = Pool::new();
    let mut words = Vec::new_in(&pool);
    pool.scope(|outer| {
        words.push(1);
        outer.scope(|inner| {
            let mut scratch: Vec<u32, &Pool> = Vec::new_in(inner);
            scratch.extend(2..1000);
            words.extend_from_slice(&scratch);
        });
        words.push(1000);
    });
    assert!(words.iter().copied().eq(1..=1000));
}

#[test]
fn a_scope_never_frees_or_grows_a_value_of_its_parent() {
    let pool = Pool::new();
    let mut text = Vec::new_in(&pool);
    text.extend_from_slice(b"parent");
    let place = text.as_ptr();
    pool.scope(|scope| {
        let mut other: Vec<u8, _> = Vec::new_in(scope);
        other.extend_from_slice(b"scope");
        text.extend_from_slice(b" and more than it had room for");
        other.extend_from_slice(b" too");
        assert_eq!((&text[..6], &other[..]), (&b"parent"[..], &b"scope too"[..]));
    });
    assert_eq!(text.as_ptr(), place, "still the newest of its own pool");
}

#[test]
fn scopes_nest_to_any_depth() {
    fn descend(pool: &Pool, depth: u32) -> u32 {
        let value = pool.alloc(depth).unwrap();
        let below = if depth == 0 { 0 } else { pool.scope(|scope| descend(scope, depth - 1)) };
        below + *value
    }
    let pool = Pool::new();
    assert_eq!(descend(&pool, 200), 200 * 201 / 2);
    assert_eq!(pool.stats().used, 4);
}

#[test]
fn nested_scopes_start_with_a_small_block_each() {
    fn descend(pool: &Pool, depth: u32) -> Result<(), AllocError> {
        pool.alloc(depth)?;
        if depth == 0 { Ok(()) } else { pool.scope(|scope| descend(scope, depth - 1)) }
    }
    let pool = Pool::builder().limit(1024 * KIB).build();
    // Growth of the parent is no business of its scopes.
    pool.alloc_slice_fill_with(2000, |_| [0_u8; 8]).unwrap();
    descend(&pool, 100).unwrap();
    assert!(pool.stats().high_water <= (32 + 101 * 4) * KIB, "{pool:?}");
}

#[test]
fn a_scope_shares_the_limit() {
    let pool = Pool::builder().limit(100 * KIB).build();
    pool.alloc_slice_fill_with(40 * KIB, |_| 0_u8).unwrap();
    pool.scope(|scope| {
        assert!(scope.alloc_slice_fill_with(70 * KIB, |_| 0_u8).is_err());
        scope.alloc_slice_fill_with(40 * KIB, |_| 0_u8).unwrap();
        assert!(pool.alloc_slice_fill_with(40 * KIB, |_| 0_u8).is_err());
        assert_eq!((scope.stats().charged, scope.stats().limit_hits), (pool.stats().charged, 2));
        assert!(scope.stats().held + pool.stats().held == pool.stats().charged);
    });
    pool.alloc_slice_fill_with(40 * KIB, |_| 0_u8).unwrap();
}

#[test]
fn scope_after_scope_uses_the_same_block() {
    let pool = Pool::new();
    let place = |pool: &Pool| pool.scope(|scope| scope.alloc(0_u64).unwrap() as *mut u64 as usize);
    let first = place(&pool);
    let charged = pool.stats().charged;
    for _ in 0..100 {
        assert_eq!((place(&pool), pool.stats().charged), (first, charged));
    }
}

#[test]
fn a_scope_returns_what_owes_it_nothing() {
    let pool = Pool::new();
    let name = String::from("outside");
    let longest: &str = pool.scope(|scope| {
        let copy = scope.alloc_str(&name).unwrap();
        if copy.len() > 3 { &name } else { "short" }
    });
    assert_eq!(longest, "outside");
}
