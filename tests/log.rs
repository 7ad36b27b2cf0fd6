//! With the feature `log`, a pool tells of its accounts when it closes, and a lock of a dead owner.
#![cfg(feature = "log")]
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "forks a process that dies"))]

use std::sync::{Mutex, Once};

use aquifer::{Pool, PoolCache};
use log::{Level, LevelFilter, Log, Metadata, Record};

static EVENTS: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Recorder;

impl Log for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "aquifer"
    }

    fn log(&self, record: &Record<'_>) {
        EVENTS.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| log::set_logger(&Recorder).unwrap());
    log::set_max_level(LevelFilter::Debug);
}

fn events(level: Level) -> Vec<String> {
    let events = EVENTS.lock().unwrap();
    events.iter().filter(|event| event.0 == level).map(|event| event.1.clone()).collect()
}

#[test]
fn a_pool_tells_of_its_accounts_once_when_it_closes() {
    record();
    let pool = Pool::builder().name("first").build();
    pool.alloc([0_u8; 100]).unwrap();
    pool.scope(|scope| scope.alloc(1).map(|_| ())).unwrap();
    drop(pool);
    let cache = PoolCache::new(Pool::builder().name("second"));
    (0..3).for_each(|_| cache.scope(|pool| assert!(pool.alloc(1).is_ok())));
    drop(cache);
    let events = events(Level::Debug);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("\"first\"") && events[0].contains("used: 100"), "{events:?}");
    assert!(events[1].contains("\"second\""), "{events:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_lock_tells_once_of_a_dead_owner_that_was_found() {
    use aquifer::{Backing, LockError, SharedHeap, ShmMutex};

    record();
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let mutex = ShmMutex::new_in(0_u32, &heap).unwrap();
    let die_with_the_lock = || {
        core::mem::forget(mutex.lock());
        0
    };
    // SAFETY: the worker calls nothing but the lock, and drops nothing.
    let mut worker = unsafe { heap.fork_worker(die_with_the_lock) }.unwrap();
    worker.wait().unwrap();
    for _ in 0..2 {
        // It is left as it is, so that the second finds damage, and no dead owner.
        assert!(matches!(mutex.lock(), Err(LockError::OwnerDied(_))));
    }
    let events = events(Level::Warn);
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].contains(&worker.id().to_string()), "{events:?}");
}
