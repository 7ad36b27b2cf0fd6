//! The table of participants as processes die: slots that are used again, and tables that are full.

use std::time::{Duration, Instant};

use super::child::{Child, Ending};
use super::deed::{self, Deed};
use super::holder::{Answer, House};
use super::patience::comes_true_within;
use crate::sync::crash_point::CrashPoint;
use crate::sync::join_error::JoinError;
use crate::sync::lock_error::LockError;

#[test]
fn a_lock_of_the_dead_is_so_under_the_next_tenant_of_the_slot() {
    let mut house = House::of_capacity(1);
    let mut owner = house.holder(|_| ());
    assert_eq!(owner.kill(), Ending::BY_SIGKILL);
    // It has the same slot, being the only one, and lives: in another generation.
    let mut tenant = house.fork(|house| {
        house.bed().join().expect("the slot of the dead");
        assert_eq!(house.try_it(), Answer::OwnerDied);
        assert_eq!(house.ask(), Answer::OwnerDied);
        assert_eq!(house.ask(), Answer::Granted);
    });
    assert_eq!(tenant.end(), Ending::WELL);
}

#[test]
fn a_table_is_full_of_the_living_only() {
    let mut house = House::of_capacity(2);
    let mut first = house.fork_until_ready(stay);
    let mut second = house.fork_until_ready(stay);
    let mut third = house.fork(|house| {
        let full = house.mutex().lock();
        assert!(matches!(full, Err(LockError::NotJoined(JoinError::TableFull { capacity: 2 }))));
    });
    assert_eq!(third.end(), Ending::WELL);
    assert_eq!(first.kill(), Ending::BY_SIGKILL);
    let mut fourth = house.fork_until_ready(stay);
    assert!(!second.has_ended() && !fourth.has_ended());
    assert_eq!(second.kill(), Ending::BY_SIGKILL);
    assert_eq!(fourth.kill(), Ending::BY_SIGKILL);
    assert_eq!(house.bed().reap(), 2);
}

#[test]
fn a_slot_whose_stake_is_a_dead_ones_is_given_to_the_next() {
    find_the_slot_of_one_who_died_at(CrashPoint::SlotStaked);
}

#[test]
fn a_slot_whose_generation_is_a_dead_ones_is_given_to_the_next() {
    find_the_slot_of_one_who_died_at(CrashPoint::GenerationRaised);
}

fn find_the_slot_of_one_who_died_at(point: CrashPoint) {
    let mut house = House::of_capacity(1);
    let mut victim = house.fork(|house| {
        deed::arm(point, Deed::Die);
        let _ = house.bed().join();
    });
    assert_eq!(victim.end(), Ending::BY_SIGKILL);
    let begun = Instant::now();
    let mut next = house.fork(stay);
    assert!(comes_true_within(SLOWLY, || house.board().ready.number() == 1 || next.has_ended()));
    assert!(!next.has_ended(), "it has found no slot");
    // Who moves in is given this much time.
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn one_who_stops_with_a_stake_does_not_disturb_the_next_tenant() {
    disturb_the_next_tenant_from(CrashPoint::SlotStaked);
}

#[test]
fn one_who_stops_with_a_generation_does_not_disturb_the_next_tenant() {
    disturb_the_next_tenant_from(CrashPoint::GenerationRaised);
}

fn disturb_the_next_tenant_from(point: CrashPoint) {
    let mut house = House::of_capacity(2);
    let mut neighbour = house.fork_until_ready(try_when_told);
    let mut slow = house.fork(|house| {
        deed::arm(point, Deed::Stop);
        // By now the table is full.
        assert!(matches!(house.bed().join(), Err(JoinError::TableFull { capacity: 2 })));
    });
    slow.wait_until_stopped();
    // After a second it is taken for dead.
    let owner = hold_slowly(&mut house);
    slow.resume();
    assert_eq!(slow.end(), Ending::WELL);
    house.board().go.step();
    assert_eq!(neighbour.end(), Ending::WELL, "the lock of the living was taken");
    let seen = house.mutex().owner().expect("it has the lock");
    assert!(seen.is_alive);
    assert_eq!(seen.pid, owner.pid());
}

/// How long it may take to find that a stake is a dead one's.
const SLOWLY: Duration = Duration::from_secs(30);

/// Becomes a participant, and stays.
fn stay(house: &mut House) {
    house.bed().join().expect("a slot");
    house.board().ready.step();
    house.board().go.wait_for(u32::MAX);
}

/// Becomes a participant, and sees later that the lock is held.
fn try_when_told(house: &mut House) {
    house.bed().join().expect("a slot");
    house.board().ready.step();
    house.board().go.wait_for(1);
    assert_eq!(house.try_it(), Answer::Held);
}

/// Forks a process that takes the lock for good, as soon as it finds a slot.
fn hold_slowly(house: &mut House) -> Child {
    let ready = &house.board().ready;
    let before = ready.number();
    let owner = house.fork(|house| {
        let _guard = house.mutex().lock().expect("a slot, and a lock that nobody has");
        house.board().ready.step();
        house.board().go.wait_for(u32::MAX);
    });
    assert!(comes_true_within(SLOWLY, || ready.number() > before));
    owner
}
