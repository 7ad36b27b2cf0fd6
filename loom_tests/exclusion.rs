//! Models without deaths: one owner at a time, who sees what the one before has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::{Machine, Model, join_all};
use crate::sync::raw::{Damage, Refusal, Taken};

#[test]
fn one_at_a_time_sees_what_the_one_before_has_written() {
    Model::new("exclusion").preemptions(None).executions(50).sleeps(10).check(|| {
        let (machine, processes) = Machine::with_processes::<2>(0);
        join_all(processes.map(|process| process.run(None, |process| process.count_under(0))));
        machine.ends_with([2, 0]);
    });
}

#[test]
fn two_who_come_again_and_again_lose_no_wake() {
    Model::new("exclusion, twice each").executions(100).sleeps(10).check(|| {
        let (machine, processes) = Machine::with_processes::<2>(0);
        join_all(processes.map(|process| {
            process.run(None, |process| {
                process.count_under(0);
                process.count_under(0);
            })
        }));
        machine.ends_with([4, 0]);
    });
}

#[test]
fn three_contenders_lose_no_wake() {
    Model::new("three contenders").preemptions(Some(2)).executions(1000).sleeps(100).check(|| {
        let (machine, processes) = Machine::with_processes::<3>(0);
        join_all(processes.map(|process| process.run(None, |process| process.count_under(0))));
        machine.ends_with([3, 0]);
    });
}

#[test]
fn try_lock_never_sleeps_and_fails_only_while_the_lock_is_held() {
    Model::new("try_lock").executions(50).check(|| {
        let (machine, [holder, passer]) = Machine::with_processes::<2>(0);
        let holder = holder.run(None, |process| process.count_under(0));
        let passer = passer.run(None, |process| {
            let lock = &process.machine.locks[0];
            match lock.try_lock(process.applicant()) {
                Ok(_) => {
                    assert_eq!(lock.damage(), Damage::None);
                    process.unlock(0);
                }
                Err(refusal) => assert_eq!(refusal, Refusal::Held),
            }
        });
        join_all([holder, passer]);
        machine.ends_with([1, 0]);
    });
}

#[test]
fn a_free_lock_is_not_refused() {
    Model::new("one alone").check(|| {
        let (machine, [process]) = Machine::with_processes::<1>(0);
        let lock = &machine.locks[0];
        assert_eq!(lock.try_lock(process.applicant()), Ok(Taken::Free));
        assert_eq!(lock.try_lock(process.applicant()), Err(Refusal::Held));
        assert_eq!(lock.lock(process.applicant(), None), Err(Refusal::Relock));
        lock.unlock(process.word());
        machine.ends_with([0, 0]);
    });
}

#[test]
fn a_panic_while_holding_is_told_to_exactly_one_who_clears_it() {
    Model::new("panic while holding").preemptions(Some(1)).executions(50).sleeps(10).check(|| {
        let (machine, [panicking, one, other]) = Machine::with_processes::<3>(0);
        let told = Arc::new(AtomicU32::new(0));
        let panicking = panicking.run(None, |process| {
            process.lock(0, None).unwrap();
            process.machine.count(0);
            // What the guard does as a panic unwinds through it.
            process.machine.locks[0].set_damage(Damage::Panicked);
            process.unlock(0);
        });
        let others = [one, other].map(|process| {
            let told = Arc::clone(&told);
            process.run(None, move |process| {
                if process.lock(0, None).unwrap() == Damage::Panicked {
                    told.fetch_add(1, Ordering::Relaxed);
                    process.machine.locks[0].set_damage(Damage::None);
                }
                process.machine.count(0);
                process.unlock(0);
            })
        });
        join_all([panicking].into_iter().chain(others));
        let left = u32::from(machine.locks[0].damage() == Damage::Panicked);
        assert_eq!(told.load(Ordering::Relaxed) + left, 1);
        machine.ends_with([3, 0]);
    });
}

#[test]
fn a_wake_at_one_lock_is_not_consumed_at_another() {
    Model::new("two locks").preemptions(Some(2)).executions(100).sleeps(50).check(|| {
        let (machine, [both, first, second]) = Machine::with_processes::<3>(0);
        let both = both.run(None, |process| {
            process.lock(0, None).unwrap();
            process.lock(1, None).unwrap();
            process.machine.count(0);
            process.machine.count(1);
            process.unlock(0);
            process.unlock(1);
        });
        let first = first.run(None, |process| process.count_under(0));
        let second = second.run(None, |process| process.count_under(1));
        join_all([both, first, second]);
        machine.ends_with([2, 2]);
    });
}

/// Each of them is refused only a lock that it holds itself, not one that its process holds.
#[test]
fn a_thread_is_not_taken_for_another_of_its_process() {
    Model::new("two threads of a process").preemptions(Some(2)).executions(50).sleeps(10).check(
        || {
            let (machine, [process]) = Machine::with_processes::<1>(0);
            let threads = [1, 2].map(|thread| {
                let process = process.clone().thread(thread);
                process.run(None, move |process| {
                    (0..thread).for_each(|_| process.count_under(0));
                })
            });
            join_all(threads);
            machine.ends_with([3, 0]);
        },
    );
}
