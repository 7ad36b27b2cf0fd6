//! Models of processes that die: at each crash point, before, beside and behind others.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::machine::{Machine, Model, Process, join_all};
use crate::sync::crash_point::CrashPoint;
use crate::sync::primitives::Instant;
use crate::sync::primitives::model;
use crate::sync::raw::Damage;

/// Counts under the lock, and how often an owner's death was told.
fn count_and_tell(process: &Process, told: &AtomicU32) {
    match process.lock(0, None).unwrap() {
        Damage::None => {}
        Damage::Panicked => panic!("nobody has panicked"),
        Damage::OwnerDied => {
            told.fetch_add(1, Ordering::Relaxed);
            process.machine.locks[0].set_damage(Damage::None);
        }
    }
    process.machine.count(0);
    process.unlock(0);
}

/// Runs a victim that dies at `point`, beside survivors; returns how often a death was told, and how
/// often somebody has counted.
fn victim_and_survivors<const N: usize>(point: CrashPoint) -> u32 {
    let (machine, processes) = Machine::with_processes::<N>(1);
    let told = Arc::new(AtomicU32::new(0));
    let running = processes.into_iter().enumerate().map(|(index, process)| {
        let told = Arc::clone(&told);
        let doom = (index == 0).then_some(point);
        process.run(doom, move |process| count_and_tell(process, &told))
    });
    join_all(running.collect::<Vec<_>>());
    // It may have been the last to come: then nobody has been told yet.
    let late = machine.join(200).unwrap();
    count_and_tell(&late, &told);
    let living = N as u32;
    let counted = match point {
        // The victim dies before it has counted.
        CrashPoint::Locked => living,
        _ => living + 1,
    };
    machine.ends_with([counted, 0]);
    told.load(Ordering::Relaxed)
}

/// Strict: whoever sleeps watches the life of this owner, and the kernel wakes one of them.
#[test]
fn the_lock_of_a_dead_owner_goes_to_exactly_one_who_is_told() {
    let model = Model::new("death of the owner").preemptions(Some(1));
    model.executions(500).sleeps(300).deaths(500).steals(500).check(|| {
        let (machine, [victim, one, other]) = Machine::with_processes::<3>(0);
        let told = Arc::new(AtomicU32::new(0));
        victim.lock(0, None).unwrap();
        let victim = victim.run(Some(CrashPoint::Releasing), |process| {
            process.machine.count(0);
            process.unlock(0);
        });
        let survivors = [one, other].map(|process| {
            let told = Arc::clone(&told);
            process.run(None, move |process| count_and_tell(process, &told))
        });
        join_all([victim].into_iter().chain(survivors));
        assert_eq!(told.load(Ordering::Relaxed), 1);
        machine.ends_with([3, 0]);
    });
}

/// The victim may come to the lock after others who sleep: they watch the life of the owner before,
/// and look by themselves after a time.
#[test]
fn an_owner_that_dies_anywhere_in_the_row_delays_others_and_jams_nobody() {
    for point in [CrashPoint::Locked, CrashPoint::Releasing] {
        let model = Model::new("death of an owner among others").heals().preemptions(Some(1));
        model.executions(200).sleeps(100).timeouts(5).deaths(200).steals(200).check(move || {
            assert_eq!(victim_and_survivors::<3>(point), 1);
        });
    }
}

/// One of two waiters dies on its way to sleep, or as it was woken, if it comes there.
fn owner_victim_and_waiter(point: CrashPoint) {
    let (machine, [owner, victim, waiter]) = Machine::with_processes::<3>(0);
    owner.lock(0, None).unwrap();
    let owner = owner.run(None, |process| {
        process.machine.count(0);
        process.unlock(0);
    });
    let through = Arc::new(AtomicU32::new(0));
    let victim = victim.run(Some(point), {
        let through = Arc::clone(&through);
        move |process| {
            process.count_under(0);
            through.fetch_add(1, Ordering::Relaxed);
        }
    });
    let waiter = waiter.run(None, |process| {
        assert_eq!(process.lock(0, None), Ok(Damage::None));
        process.machine.count(0);
        process.unlock(0);
    });
    join_all([owner, victim, waiter]);
    machine.ends_with([2 + through.load(Ordering::Relaxed), 0]);
}

#[test]
fn a_waiter_that_dies_on_its_way_to_sleep_leaves_nothing_behind() {
    for point in [CrashPoint::WaitersSet, CrashPoint::AboutToSleep] {
        let model = Model::new("death on the way to sleep").preemptions(Some(1));
        model.executions(200).sleeps(200).deaths(50).check(move || owner_victim_and_waiter(point));
    }
}

/// A wake dies with it: the other sleeper looks by itself after a time.
#[test]
fn a_woken_waiter_that_dies_before_it_locks_jams_nobody() {
    for point in [CrashPoint::SleeperWoken, CrashPoint::SignalTaken] {
        let model = Model::new("death of a woken waiter").heals().preemptions(Some(1));
        let model = model.executions(200).sleeps(200).timeouts(5).deaths(50);
        model.check(move || owner_victim_and_waiter(point));
    }
}

/// The thief dies, too: then the next is told, of this death or of the one before.
#[test]
fn two_recoverers_of_whom_one_dies_leave_the_lock_to_the_other() {
    for point in [CrashPoint::Stolen, CrashPoint::MarkedAsDied, CrashPoint::DeathAnnounced] {
        let model = Model::new("death of a thief").heals().preemptions(Some(1));
        model.executions(500).deaths(500).steals(500).check(move || {
            let (machine, [owner, thief, other]) = Machine::with_processes::<3>(1);
            let told = Arc::new(AtomicU32::new(0));
            owner.lock(0, None).unwrap();
            let owner = owner.run(Some(CrashPoint::Releasing), |process| process.unlock(0));
            let survivors = [(thief, Some(point)), (other, None)].map(|(process, doom)| {
                let told = Arc::clone(&told);
                process.run(doom, move |process| count_and_tell(process, &told))
            });
            join_all([owner].into_iter().chain(survivors));
            count_and_tell(&machine.join(200).unwrap(), &told);
            assert!(told.load(Ordering::Relaxed) >= 1);
        });
    }
}

/// One survivor, who may sleep: the kernel wakes it at the liveness word.
#[test]
fn an_unlocker_that_dies_before_it_calls_jams_nobody() {
    for point in [CrashPoint::Released, CrashPoint::Signalled, CrashPoint::Unlocked] {
        // A victim without waiters does not come to the first two.
        Model::new("death of the unlocker").executions(20).sleeps(5).deaths(5).check(move || {
            let (machine, processes) = Machine::with_processes::<2>(0);
            let running = processes.into_iter().enumerate().map(|(index, process)| {
                process.run((index == 0).then_some(point), |process| process.count_under(0))
            });
            join_all(running.collect::<Vec<_>>());
            machine.ends_with([2, 0]);
        });
    }
}

/// The unlocker is dead for all who look, and yet has unlocked: a thief that saw it as the owner
/// must not take the lock from the one who has it now.
#[test]
fn a_late_unlock_is_not_undone_by_a_thief() {
    let model = Model::new("unlock against steal").preemptions(Some(1));
    model.executions(200).deaths(200).check(|| {
        let (machine, [owner, thief, other]) = Machine::with_processes::<3>(0);
        owner.lock(0, None).unwrap();
        let owner = owner.run(Some(CrashPoint::Unlocked), |process| {
            process.machine.count(0);
            process.unlock(0);
        });
        let others = [thief, other].map(|process| {
            process.run(None, |process| {
                assert_eq!(process.lock(0, None), Ok(Damage::None));
                process.machine.count(0);
                process.unlock(0);
            })
        });
        join_all([owner].into_iter().chain(others));
        machine.ends_with([3, 0]);
    });
}

/// What the dead have written is seen by who is told of the death, and stays marked until somebody
/// clears the mark.
#[test]
fn damage_is_seen_until_it_is_cleared() {
    let model = Model::new("damage").executions(50).deaths(50).steals(50);
    model.check(|| {
        let (machine, [owner, careless, careful]) = Machine::with_processes::<3>(0);
        owner.lock(0, None).unwrap();
        let owner = owner.run(Some(CrashPoint::Releasing), |process| {
            process.machine.count(0);
            process.unlock(0);
        });
        let careless = careless.run(None, |process| {
            assert_eq!(process.lock(0, None), Ok(Damage::OwnerDied));
            process.machine.count(0);
            process.unlock(0);
        });
        join_all([owner, careless]);
        assert_eq!(careful.lock(0, None), Ok(Damage::OwnerDied));
        machine.locks[0].set_damage(Damage::None);
        careful.unlock(0);
        assert_eq!(careful.lock(0, None), Ok(Damage::None));
        careful.unlock(0);
        machine.ends_with([2, 0]);
    });
}

#[test]
fn who_takes_in_passing_sees_what_the_dead_has_written() {
    Model::new("try_lock after a death").executions(10).deaths(10).steals(5).check(|| {
        let (machine, [owner, passer]) = Machine::with_processes::<2>(1);
        let told = Arc::new(AtomicU32::new(0));
        owner.lock(0, None).unwrap();
        let owner = owner.run(Some(CrashPoint::Releasing), |process| {
            process.machine.count(0);
            process.unlock(0);
        });
        let passer = passer.run(None, {
            let told = Arc::clone(&told);
            move |process| {
                let lock = &process.machine.locks[0];
                if lock.try_lock(process.applicant()).is_ok() {
                    assert_eq!(lock.damage(), Damage::OwnerDied);
                    process.machine.count(0);
                    process.unlock(0);
                    told.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        join_all([owner, passer]);
        let heir = machine.join(200).unwrap();
        assert_eq!(heir.lock(0, None), Ok(Damage::OwnerDied));
        heir.unlock(0);
        machine.ends_with([1 + told.load(Ordering::Relaxed), 0]);
    });
}

/// Threads are numbered by process, and a child that is forked inherits the number of its thread.
#[test]
fn a_thief_is_not_taken_for_the_thread_of_the_dead_with_its_number() {
    let model = Model::new("equal numbers of threads").preemptions(Some(2));
    model.executions(100).steals(100).check(|| {
        let (machine, [owner, process]) = Machine::with_processes::<2>(0);
        let owner = owner.thread(1);
        owner.lock(0, None).unwrap();
        owner.dies();
        // Fails if one of them is refused as if it held the lock.
        join_all([1, 2].map(|thread| {
            process.clone().thread(thread).run(None, |thread| thread.count_under(0))
        }));
        machine.ends_with([2, 0]);
    });
}

/// Two locks of one dead owner, each with a sleeper at the word of its life: the kernel wakes one of
/// them, who wakes the other.
#[test]
fn all_who_watch_a_dead_owner_are_told() {
    let model = Model::new("announcement of a death").preemptions(Some(2));
    model.executions(100).sleeps(100).deaths(100).steals(200).check(|| {
        let (machine, [owner, one, other]) = Machine::with_processes::<3>(0);
        owner.lock(0, None).unwrap();
        owner.lock(1, None).unwrap();
        let owner = owner.run(Some(CrashPoint::Releasing), |process| process.unlock(0));
        let one = one.run(None, |process| process.count_under(0));
        let other = other.run(None, |process| process.count_under(1));
        join_all([owner, one, other]);
        machine.ends_with([1, 1]);
    });
}

/// One sleeps, and watches the life of an owner who has long unlocked. Another has taken the signal,
/// and given up with the bit set under the next owner, who dies. A third one comes, and has not slept.
#[test]
fn a_thief_keeps_the_bit_for_those_who_sleep_elsewhere() {
    let model = Model::new("bit kept by a thief").preemptions(Some(1));
    model.executions(200).sleeps(200).timeouts(20).deaths(200).steals(200).check(|| {
        let (machine, [owner, next, hasty, patient]) = Machine::with_processes::<4>(1);
        owner.lock(0, None).unwrap();
        let owners = next.run(None, move |process| {
            // Two processes, one after the other.
            process.machine.locks[0].unlock(owner.word());
            if !process.machine.locks[0].take_free(process.word()) {
                return;
            }
            model::advance(Duration::from_secs(10));
            model::doom(CrashPoint::Releasing);
            process.unlock(0);
        });
        let hasty = hasty.run(None, |process| {
            if process.lock(0, Some(Instant::after(Duration::from_secs(1)))).is_ok() {
                process.machine.locks[0].set_damage(Damage::None);
                process.unlock(0);
            }
        });
        let patient = patient.run(None, |process| process.count_under(0));
        join_all([owners, hasty]);
        machine.join(200).unwrap().count_under(0);
        join_all([patient]);
        machine.ends_with([2, 0]);
    });
}
