//! With the feature `log`, a pool tells of its accounts when it closes.
#![cfg(feature = "log")]

use std::sync::Mutex;

use aquifer::{Pool, PoolCache};
use log::{Level, LevelFilter, Log, Metadata, Record};

static EVENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Keeper;

impl Log for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "aquifer" && metadata.level() == Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        EVENTS.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[test]
fn a_pool_tells_of_its_accounts_once_when_it_closes() {
    log::set_logger(&Keeper).unwrap();
    log::set_max_level(LevelFilter::Debug);
    let pool = Pool::builder().name("first").build();
    pool.alloc([0_u8; 100]).unwrap();
    pool.scope(|scope| scope.alloc(1).map(|_| ())).unwrap();
    drop(pool);
    let cache = PoolCache::new(Pool::builder().name("second"));
    (0..3).for_each(|_| cache.scope(|pool| assert!(pool.alloc(1).is_ok())));
    drop(cache);
    let events = EVENTS.lock().unwrap();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("\"first\"") && events[0].contains("used: 100"), "{events:?}");
    assert!(events[1].contains("\"second\""), "{events:?}");
}
