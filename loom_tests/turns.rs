//! Models of the lock of one process's threads.
#![expect(unsafe_code, reason = "counts in a cell that loom watches")]

use std::sync::Arc;

use loom::cell::UnsafeCell;

use crate::machine::{Model, join_all, process_that};
use crate::sync::turn::Turn;

/// Threads that count, each so many times, one at a time.
fn count<const THREADS: usize>(times: u32) {
    let shared = Arc::new((Turn::new(), UnsafeCell::new(0_u32)));
    join_all([(); THREADS].map(|()| {
        let shared = Arc::clone(&shared);
        process_that(move || {
            for _ in 0..times {
                let taken = shared.0.take_again().unwrap_or_else(|| shared.0.take());
                // SAFETY: loom fails the model where two do so at once, or unordered.
                shared.1.with_mut(|count| unsafe { *count += 1 });
                drop(taken);
            }
        })
    }));
    // SAFETY: as above.
    assert_eq!(shared.1.with(|count| unsafe { *count }), THREADS as u32 * times);
}

#[test]
fn turns_follow_each_other_and_see_what_the_one_before_has_written() {
    let model = Model::new("two threads, two turns each").preemptions(Some(5));
    model.executions(1500).sleeps(700).check(|| count::<2>(2));
}

#[test]
fn three_threads_lose_no_wake() {
    let model = Model::new("three threads").preemptions(Some(3));
    model.executions(2400).sleeps(2000).check(|| count::<3>(1));
}
