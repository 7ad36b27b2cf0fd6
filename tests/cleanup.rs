//! What a pool promises of the values that it drops and the closures that it calls.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use aquifer::{AllocError, Pool};

/// What has ended, in the order of the ends.
type Record = Arc<Mutex<Vec<u32>>>;

/// Writes its number down when it is dropped, and panics if it is told to.
#[derive(Debug)]
struct Noted {
    record: Record,
    number: u32,
    panics: bool,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.record.lock().unwrap().push(self.number);
        assert!(!self.panics, "number {}", self.number);
    }
}

fn noted(record: &Record, number: u32) -> Noted {
    Noted { record: Arc::clone(record), number, panics: false }
}

fn panicking(record: &Record, number: u32) -> Noted {
    Noted { record: Arc::clone(record), number, panics: true }
}

fn ended(record: &Record) -> Vec<u32> {
    record.lock().unwrap().clone()
}

#[test]
fn everything_registered_ends_once_newest_first() {
    let record = Record::default();
    let mut pool = Pool::new();
    for number in [1, 2, 4] {
        pool.alloc_drop(noted(&record, number)).unwrap();
        if number == 2 {
            let value = noted(&record, 3);
            let _ = pool.defer(move |_| drop(value)).unwrap();
        }
    }
    pool.reset();
    assert_eq!(ended(&record), [4, 3, 2, 1]);
    pool.alloc_drop(noted(&record, 5)).unwrap();
    drop(pool);
    assert_eq!(ended(&record), [4, 3, 2, 1, 5]);
}

#[test]
fn a_cancelled_closure_is_dropped_and_not_called() {
    let record = Record::default();
    let pool = Pool::new();
    let value = noted(&record, 1);
    let first = pool.defer(|_| unreachable!()).unwrap();
    let second = pool.defer(move |_| panic!("called: {value:?}")).unwrap();
    let third = pool.defer(|_| unreachable!()).unwrap();
    second.cancel();
    assert_eq!(ended(&record), [1]);
    first.cancel();
    third.cancel();
    drop(pool);
    assert_eq!(ended(&record), [1]);
}

#[test]
fn a_closure_that_was_run_is_not_called_again() {
    let record = Record::default();
    let pool = Pool::new();
    let value = noted(&record, 1);
    pool.alloc_drop(noted(&record, 2)).unwrap();
    pool.defer(move |_| drop(value)).unwrap().run_now();
    assert_eq!(ended(&record), [1]);
    drop(pool);
    assert_eq!(ended(&record), [1, 2]);
}

#[test]
fn cancelled_closures_leave_their_memory_to_the_next() {
    let pool = Pool::new();
    for _ in 0..1000 {
        pool.defer(|_| ()).unwrap().cancel();
    }
    assert_eq!(pool.stats().used, 0);
}

#[test]
fn a_dropped_token_leaves_its_closure_registered() {
    let record = Record::default();
    let pool = Pool::new();
    let value = noted(&record, 1);
    let _ = pool.defer(move |_| drop(value)).unwrap();
    drop(pool);
    assert_eq!(ended(&record), [1]);
}

#[test]
fn a_panic_does_not_keep_the_others_from_ending() {
    let record = Record::default();
    let mut pool = Pool::new();
    for number in 1..=4 {
        let make = if number % 2 == 0 { panicking } else { noted };
        pool.alloc_drop(make(&record, number)).unwrap();
    }
    let payload = catch_unwind(AssertUnwindSafe(|| pool.reset())).unwrap_err();
    assert_eq!(ended(&record), [4, 3, 2, 1]);
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "number 4", "the first panic goes on");
    assert_eq!(pool.stats().used, 0, "the pool is reset all the same");
    pool.alloc_drop(panicking(&record, 5)).unwrap();
    catch_unwind(AssertUnwindSafe(|| drop(pool))).unwrap_err();
    assert_eq!(ended(&record), [4, 3, 2, 1, 5]);
}

#[test]
fn a_panic_during_a_panic_is_put_aside() {
    let record = Record::default();
    let payload = catch_unwind(AssertUnwindSafe(|| {
        let pool = Pool::new();
        pool.alloc_drop(noted(&record, 1)).unwrap();
        pool.alloc_drop(panicking(&record, 2)).unwrap();
        panic!("the first");
    }));
    assert_eq!(*payload.unwrap_err().downcast_ref::<&str>().unwrap(), "the first");
    assert_eq!(ended(&record), [2, 1]);
}

#[test]
fn what_a_cleanup_threw_may_panic_when_it_is_put_aside() {
    struct Thrown;
    impl Drop for Thrown {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    let throw = |pool: &Pool| {
        let _ = pool.defer(|_| std::panic::panic_any(Thrown)).unwrap();
    };
    let payload = catch_unwind(|| {
        let (pool, cache) = (Pool::new(), aquifer::PoolCache::default());
        let cached = cache.get();
        (0..2).for_each(|_| throw(&pool));
        (0..2).for_each(|_| throw(&cached));
        panic!("the first");
    });
    assert_eq!(*payload.unwrap_err().downcast_ref::<&str>().unwrap(), "the first");
}

#[test]
fn a_cleanup_may_allocate_and_register_another() {
    let record = Record::default();
    let mut pool = Pool::new();
    let (outer, inner) = (Arc::clone(&record), Arc::clone(&record));
    let _ = pool.defer(move |pool| {
        let text = pool.alloc_fmt(format_args!("{}", 1)).unwrap();
        outer.lock().unwrap().push(text.parse().unwrap());
        pool.alloc_slice_fill_with(100_000, |n| n).unwrap();
        let _ = pool.defer(move |pool| {
            pool.alloc_drop(noted(&inner, 2)).unwrap();
        });
    });
    pool.alloc_drop(noted(&record, 0)).unwrap();
    pool.reset();
    assert_eq!(ended(&record), [0, 1, 2]);
    assert_eq!((pool.stats().used, pool.stats().large), (0, 0));
}

#[test]
fn what_found_no_memory_comes_back() {
    let record = Record::default();
    let pool = Pool::builder().limit(0).build();
    let refused = pool.alloc_drop(noted(&record, 1)).unwrap_err();
    assert_eq!((refused.to_string(), ended(&record)), (AllocError.to_string(), vec![]));
    assert_eq!(refused.into_value().number, 1);
    assert_eq!(ended(&record), [1]);
    let value = noted(&record, 2);
    let closure = pool.defer(move |_| drop(value)).unwrap_err().into_value();
    closure(&pool);
    assert_eq!(ended(&record), [1, 2]);
}

#[test]
fn values_without_drop_are_not_registered() {
    let pool = Pool::new();
    pool.alloc_drop(7_u64).unwrap();
    assert_eq!(pool.stats().used, 8);
}

#[test]
fn values_of_no_size_are_dropped_too() {
    static DROPS: Mutex<u32> = Mutex::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            *DROPS.lock().unwrap() += 1;
        }
    }
    let pool = Pool::new();
    (0..3).for_each(|_| drop(pool.alloc_drop(Nothing).map(|_| ())));
    drop(pool);
    assert_eq!(*DROPS.lock().unwrap(), 3);
}

#[test]
fn strictly_aligned_values_are_found_again() {
    #[repr(align(512))]
    struct Aligned(#[expect(dead_code, reason = "it is there to be dropped")] Noted);
    let record = Record::default();
    let pool = Pool::new();
    pool.alloc(1_u8).unwrap();
    let aligned = pool.alloc_drop(Aligned(noted(&record, 1))).unwrap();
    assert_eq!(&raw const *aligned as usize % 512, 0);
    drop(pool);
    assert_eq!(ended(&record), [1]);
}

#[test]
fn a_scope_drops_what_borrows_from_outside() {
    let pool = Pool::new();
    let cell = RefCell::new(vec![]);
    pool.scope(|outer| {
        let word = outer.alloc(1).unwrap();
        outer.scope(|inner| {
            let _ = inner.defer(|_| cell.borrow_mut().push(*word)).unwrap();
            let guard = inner.alloc_drop(cell.borrow_mut()).unwrap();
            guard.push(0);
        });
        let _ = outer.defer(|_| cell.borrow_mut().push(2)).unwrap();
    });
    assert_eq!(cell.into_inner(), [0, 1, 2]);
}
