//! Models of the semaphore by itself.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use loom::cell::UnsafeCell;

use crate::machine::{Model, join_all, process_that};
use crate::sync::crash_point::CrashPoint;
use crate::sync::primitives::model;
use crate::sync::semaphore::{CountOverflow, ShmSemaphore};

/// Two who wait, beside one who does `work`, which leaves two counts for them and no more.
fn two_waits_beside(work: fn(&ShmSemaphore)) {
    let semaphore = Arc::new(ShmSemaphore::new(0));
    let worker = process_that({
        let semaphore = Arc::clone(&semaphore);
        move || work(&semaphore)
    });
    let waiters = [(); 2].map(|()| {
        let semaphore = Arc::clone(&semaphore);
        process_that(move || semaphore.wait())
    });
    join_all([worker].into_iter().chain(waiters));
    assert!(!semaphore.try_wait());
}

#[test]
fn each_post_ends_one_wait() {
    let model = Model::new("two posts, two waits").preemptions(Some(2));
    model.executions(500).sleeps(100).check(|| {
        two_waits_beside(|semaphore| {
            semaphore.post().unwrap();
            semaphore.post().unwrap();
        });
    });
}

#[test]
fn who_takes_in_passing_leaves_nobody_asleep_beside_a_count() {
    let model = Model::new("a passer").preemptions(Some(1));
    model.executions(500).sleeps(100).check(|| {
        two_waits_beside(|semaphore| {
            semaphore.post().unwrap();
            if semaphore.try_wait() {
                semaphore.post().unwrap();
            }
            semaphore.post().unwrap();
        });
    });
}

#[test]
fn a_wait_sees_what_was_written_before_the_post() {
    Model::new("publication by a post").preemptions(None).executions(5).sleeps(1).check(|| {
        let shared = Arc::new((ShmSemaphore::new(0), UnsafeCell::new(0)));
        let poster = process_that({
            let shared = Arc::clone(&shared);
            move || {
                shared.1.with_mut(drop);
                shared.0.post().unwrap();
            }
        });
        let waiter = process_that(move || {
            shared.0.wait();
            shared.1.with_mut(drop);
        });
        join_all([poster, waiter]);
    });
}

/// The time is up of one who was woken, as another takes what he was woken for.
#[test]
fn a_wait_that_gives_up_passes_its_wake_on() {
    let model = Model::new("time-out of a wait").preemptions(Some(2));
    model.executions(500).sleeps(500).timeouts(50).check(|| {
        let semaphore = Arc::new(ShmSemaphore::new(0));
        let through = Arc::new(AtomicU32::new(0));
        let poster = process_that({
            let semaphore = Arc::clone(&semaphore);
            move || {
                semaphore.post().unwrap();
                let passed = semaphore.try_wait();
                model::advance(Duration::from_secs(2));
                semaphore.post().unwrap();
                if passed {
                    semaphore.post().unwrap();
                }
            }
        });
        let hasty = process_that({
            let (semaphore, through) = (Arc::clone(&semaphore), Arc::clone(&through));
            move || {
                if semaphore.wait_timeout(Duration::from_secs(1)) {
                    through.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let patient = process_that({
            let semaphore = Arc::clone(&semaphore);
            move || semaphore.wait()
        });
        join_all([poster, hasty, patient]);
        assert_eq!(semaphore.try_wait(), through.load(Ordering::Relaxed) == 0);
    });
}

#[test]
fn a_sleeper_that_dies_awake_keeps_nobody_else_asleep() {
    let model = Model::new("death of a woken sleeper").heals().preemptions(Some(2));
    model.executions(100).sleeps(100).timeouts(5).deaths(50).check(|| {
        let semaphore = Arc::new(ShmSemaphore::new(0));
        let poster = process_that({
            let semaphore = Arc::clone(&semaphore);
            move || {
                semaphore.post().unwrap();
                semaphore.post().unwrap();
            }
        });
        let victim = process_that({
            let semaphore = Arc::clone(&semaphore);
            move || {
                model::doom(CrashPoint::SleeperWoken);
                let _ = crate::machine::killed_or_done(|| semaphore.wait());
            }
        });
        let survivor = process_that(move || semaphore.wait());
        join_all([poster, victim, survivor]);
    });
}

#[test]
fn a_count_that_would_overflow_is_an_error_and_stays() {
    Model::new("overflow").check(|| {
        let semaphore = ShmSemaphore::new(u32::MAX);
        assert_eq!(semaphore.post(), Err(CountOverflow));
        assert!(semaphore.try_wait());
        assert_eq!(semaphore.post(), Ok(()));
        assert_eq!(semaphore.post(), Err(CountOverflow));
    });
}
