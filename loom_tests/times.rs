//! Models of waiters whose time is up.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::{Machine, Model, join_all};
use crate::sync::primitives::Instant;
use crate::sync::primitives::model;
use crate::sync::raw::Refusal;

/// A waiter with a deadline and one without, and an owner under whom the deadline passes, before it
/// unlocks or after: whomever the unlock wakes, the other is not forgotten.
#[test]
fn a_waiter_that_gives_up_passes_its_wake_on() {
    for late in [false, true] {
        let model = Model::new("time-out against wake").preemptions(Some(1));
        model.executions(500).sleeps(500).timeouts(50).check(move || {
            let (machine, [owner, patient, hasty]) = Machine::with_processes::<3>(0);
            let through = Arc::new(AtomicU32::new(0));
            owner.lock(0, None).unwrap();
            let owner = owner.run(None, move |process| {
                if late {
                    process.unlock(0);
                    process.lock(0, None).unwrap();
                }
                model::advance(Duration::from_secs(2));
                process.unlock(0);
            });
            let hasty = hasty.run(None, {
                let through = Arc::clone(&through);
                move |process| match process.lock(0, Some(Instant::after(Duration::from_secs(1)))) {
                    Ok(_) => {
                        process.machine.count(0);
                        process.unlock(0);
                        through.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(refusal) => assert_eq!(refusal, Refusal::Held),
                }
            });
            let patient = patient.run(None, |process| process.count_under(0));
            join_all([owner, hasty, patient]);
            machine.ends_with([1 + through.load(Ordering::Relaxed), 0]);
        });
    }
}

#[test]
fn time_is_up_for_one_who_waits_for_an_owner_who_never_unlocks() {
    Model::new("time-out").sleeps(1).timeouts(1).check(|| {
        let (machine, [owner, hasty]) = Machine::with_processes::<2>(0);
        owner.lock(0, None).unwrap();
        let hasty = hasty.run(None, |process| {
            let until = Some(Instant::after(Duration::from_millis(1)));
            assert_eq!(process.lock(0, until), Err(Refusal::Held));
        });
        join_all([hasty]);
        owner.unlock(0);
        machine.ends_with([0, 0]);
    });
}
