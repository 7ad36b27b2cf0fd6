//! Models of the table of participants: moving in, dying on the way, and moving in after the dead.

use std::sync::{Arc, Mutex};

use loom::thread::JoinHandle;

use crate::machine::{Machine, Model, Process, join_all, killed_or_done, process_that};
use crate::sync::crash_point::CrashPoint;
use crate::sync::participants::Process as Described;
use crate::sync::primitives::model;
use crate::sync::raw::{Damage, Taken};

#[test]
fn a_table_is_seen_as_its_creator_has_left_it() {
    Model::new("publication of a table").preemptions(None).executions(3).check(|| {
        let machine = Machine::new(2);
        let creator = process_that({
            let machine = machine.clone();
            move || {
                machine.count(0);
                machine.header().publish(2);
            }
        });
        let opener = process_that({
            let machine = machine.clone();
            move || {
                if machine.header().capacity().is_some() {
                    machine.count(0);
                }
            }
        });
        join_all([creator, opener]);
    });
}

#[test]
fn two_who_move_in_at_once_get_two_slots() {
    Model::new("two who move in").executions(50).check(|| {
        let machine = Machine::new(2);
        let [one, other] = [100, 101].map(|keeper| {
            let machine = machine.clone();
            process_that(move || {
                let process = machine.join(keeper).expect("there is a slot for each");
                process.count_under(0);
            })
        });
        join_all([one, other]);
        machine.ends_with([2, 0]);
    });
}

#[test]
fn of_two_who_want_the_last_slot_one_gets_it() {
    Model::new("one slot for two").executions(5).check(|| {
        let machine = Machine::new(1);
        let [one, other] = [100, 101].map(|keeper| {
            let machine = machine.clone();
            process_that(move || {
                if machine.join(keeper).is_some() {
                    machine.count(0);
                }
            })
        });
        join_all([one, other]);
        // Fails as a race if both have counted.
        machine.ends_with([1, 0]);
    });
}

/// An owner that dies, and one that moves into its slot; and a process of which nothing runs yet.
fn dying_owner_and_next_tenant() -> (Arc<Machine>, Process, [JoinHandle<()>; 2]) {
    let (machine, [owner, other]) = Machine::with_processes::<2>(0);
    owner.lock(0, None).unwrap();
    let owner = owner.run(Some(CrashPoint::Releasing), |process| {
        process.machine.count(0);
        process.unlock(0);
    });
    let tenant = process_that({
        let machine = machine.clone();
        move || move_in_after_the_dead(&machine)
    });
    (machine, other, [owner, tenant])
}

fn move_in_after_the_dead(machine: &Arc<Machine>) {
    if machine.participants().reap() > 0 {
        machine.join(102).expect("a slot was freed");
    }
}

/// The slot of a dead owner has a living tenant; its lock is nevertheless known to be a dead one's,
/// and what the dead has written is seen.
#[test]
fn a_lock_of_the_tenant_before_is_not_the_tenants() {
    let model = Model::new("reuse of a slot").preemptions(Some(2));
    model.executions(100).deaths(100).steals(100).check(|| {
        let (machine, thief, others) = dying_owner_and_next_tenant();
        let thief = thief.run(None, |process| {
            assert_eq!(process.lock(0, None), Ok(Damage::OwnerDied));
            process.machine.count(0);
            process.unlock(0);
        });
        join_all(others.into_iter().chain([thief]));
        machine.ends_with([2, 0]);
    });
}

/// The same for one who does not wait, and looks only once.
#[test]
fn a_lock_of_the_tenant_before_is_taken_in_passing_with_what_he_has_written() {
    let model = Model::new("reuse of a slot, in passing").preemptions(Some(2));
    model.executions(100).deaths(100).steals(50).check(|| {
        let (_, passer, others) = dying_owner_and_next_tenant();
        let passer = passer.run(None, |process| {
            if let Ok(taken) = process.machine.locks[0].try_lock(process.applicant()) {
                assert!(matches!(taken, Taken::FromTheDead(_)));
                model::count_steal();
                process.machine.count(0);
                process.unlock(0);
            }
        });
        join_all(others.into_iter().chain([passer]));
    });
}

#[test]
fn a_tenant_sees_how_often_its_slot_was_let() {
    Model::new("two tenancies").executions(10).check(|| {
        let machine = Machine::new(1);
        let first = process_that({
            let machine = machine.clone();
            move || machine.join(100).expect("nobody else has asked").dies()
        });
        let second = process_that({
            let machine = machine.clone();
            move || move_in_after_the_dead(&machine)
        });
        join_all([first, second]);
    });
}

/// Two reapers and one who moves in: a slot is never freed under its new tenant.
#[test]
fn a_late_reaper_frees_nobodys_slot() {
    Model::new("two reapers").preemptions(Some(2)).executions(100).check(|| {
        let (machine, [dead]) = Machine::with_processes::<1>(0);
        dead.dies();
        let reaper = process_that({
            let machine = machine.clone();
            move || {
                machine.participants().reap();
            }
        });
        let tenants = [101, 102].map(|keeper| {
            let machine = machine.clone();
            process_that(move || {
                machine.participants().reap();
                if let Some(tenant) = machine.join(keeper) {
                    assert!(machine.participants().is_alive(tenant.owner));
                    machine.count(0);
                }
            })
        });
        join_all([reaper].into_iter().chain(tenants));
        assert_eq!(machine.participants().reap(), 0);
        assert!(!machine.participants().is_alive(dead.owner));
    });
}

/// Who was taken for dead on its way in, and was not, finds that out and owns nothing.
#[test]
fn a_stake_that_is_taken_away_cannot_be_moved_into() {
    Model::new("a stake that is taken away").executions(20).check(|| {
        let machine = Machine::new(1);
        let tenant = Arc::new(Mutex::new(None));
        let slow = process_that({
            let (machine, tenant) = (machine.clone(), Arc::clone(&tenant));
            move || {
                if let Some(process) = machine.join(100) {
                    machine.count(0);
                    *tenant.lock().unwrap() = Some(process);
                }
            }
        });
        let hasty = process_that({
            let (machine, tenant) = (machine.clone(), Arc::clone(&tenant));
            move || {
                for stake in machine.participants().stakes() {
                    machine.participants().remove(stake);
                }
                if let Some(process) = machine.join(101) {
                    machine.count(0);
                    *tenant.lock().unwrap() = Some(process);
                }
            }
        });
        // A race if both have moved in.
        join_all([slow, hasty]);
        if let Some(tenant) = tenant.lock().unwrap().as_ref() {
            let lives = machine.participants().is_alive(tenant.owner);
            assert!(lives, "its lock could be taken");
        }
    });
}

#[test]
fn a_stake_of_the_dead_is_given_back() {
    for point in [CrashPoint::SlotStaked, CrashPoint::GenerationRaised] {
        Model::new("death on the way in").deaths(1).check(move || {
            let machine = Machine::new(1);
            let victim = process_that({
                let machine = machine.clone();
                move || {
                    model::doom(point);
                    assert!(killed_or_done(|| drop(machine.join(100))).is_err());
                }
            });
            join_all([victim]);
            let stakes = machine.participants().stakes();
            assert_eq!(stakes.len(), 1);
            assert!(machine.join(101).is_none());
            assert!(machine.participants().remove(stakes[0]));
            let process = machine.join(102).expect("the slot is free again");
            assert_eq!(
                machine.participants().process(process.owner),
                Some(Described { pid: 102, start_seconds: 0 })
            );
        });
    }
}
