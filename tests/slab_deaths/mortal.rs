//! Atomic numbers whose owner dies as he stores one: this thread, after so many stores.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

pub(crate) use std::sync::atomic::Ordering;

thread_local! {
    /// How many stores there will be before it dies.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// What unwinds a thread that dies.
struct Death;

/// Does something, and dies before the store after so many; returns whether it came to that.
pub(crate) fn dies_after(stores: u64, work: impl FnOnce()) -> bool {
    LEFT.set(stores);
    let end = panic::catch_unwind(AssertUnwindSafe(work));
    LEFT.set(u64::MAX);
    let is_death = |end: &Box<dyn Any + Send>| end.is::<Death>();
    match end {
        Err(end) if !is_death(&end) => panic::resume_unwind(end),
        end => end.is_err(),
    }
}

/// Counts the stores of some work.
pub(crate) fn stores_of(work: impl FnOnce()) -> u64 {
    LEFT.set(u64::MAX);
    work();
    u64::MAX - LEFT.replace(u64::MAX)
}

fn store_or_die(store: impl FnOnce()) {
    match LEFT.get().checked_sub(1) {
        Some(left) => LEFT.set(left),
        None => panic::resume_unwind(Box::new(Death)),
    }
    store();
}

macro_rules! mortal {
    ($($atomic:ident: $number:ty),*) => {$(
        #[repr(transparent)]
        #[derive(Default, Debug)]
        pub(crate) struct $atomic(std::sync::atomic::$atomic);

        impl $atomic {
            pub(crate) fn load(&self, order: Ordering) -> $number {
                self.0.load(order)
            }

            pub(crate) fn store(&self, number: $number, order: Ordering) {
                store_or_die(|| self.0.store(number, order));
            }
        }
    )*};
}

mortal!(AtomicU16: u16, AtomicU32: u32, AtomicU64: u64);
