//! Processes that have the same numbers, each in a pid namespace of its own.
#![expect(unsafe_code, reason = "makes namespaces")]

use core::mem;
use std::time::Duration;

use super::child::{Child, Ending, exit_at_once};
use super::deed::{self, Deed};
use super::holder::{Answer, House};
use super::patience::{comes_true, comes_true_within};
use crate::sync::crash_point::CrashPoint;
use crate::sync::join_error::JoinError;
use crate::sync::lock_error::LockError;
use crate::sys::tests::left_out::left_out;

#[test]
fn a_death_is_not_taken_for_that_of_a_namesake() {
    const A_WHILE: Duration = Duration::from_millis(100);
    if !namespaces_are_permitted() {
        return;
    }
    let mut house = House::of_capacity(8);
    let mut owner = first_process(&mut house, 2, hold);
    let mut waiter = first_process(&mut house, 1, |house| {
        assert_eq!(house.try_it(), Answer::Held);
        house.board().ready.step();
        let _ = house.mutex().lock();
    });
    let seen = house.mutex().owner().expect("the first has it");
    assert!(seen.is_alive && seen.pid == 1);
    house.board().go.open(1);
    assert_eq!(waiter.end(), Ending::WELL);
    assert!(matches!(house.mutex().lock_timeout(A_WHILE), Err(LockError::Held)));
    assert_eq!(house.bed().reap(), 1);
    house.board().go.open(2);
    assert_eq!(house.ask(), Answer::OwnerDied);
    assert_eq!(owner.end(), Ending::WELL);
}

#[test]
fn a_namesake_gets_the_lock_of_the_dead() {
    if !namespaces_are_permitted() {
        return;
    }
    let mut house = House::of_capacity(8);
    let mut owner = first_process(&mut house, 1, hold);
    let mut waiter = first_process(&mut house, 2, |house| {
        house.board().ready.step();
        let Err(LockError::OwnerDied(died)) = house.mutex().lock() else {
            panic!("the owner was killed")
        };
        drop(died.replace(0));
        house.board().ready.step();
        house.board().go.wait_for(u32::MAX);
    });
    house.board().go.open(1);
    assert_eq!(owner.end(), Ending::WELL);
    assert!(comes_true(|| house.board().ready.number() == 3));
    assert_eq!(house.ask(), Answer::Granted);
    house.board().go.open(2);
    assert_eq!(waiter.end(), Ending::WELL);
}

#[test]
fn one_who_is_late_to_join_does_not_take_its_namesake_with_it() {
    /// Who has not moved in after a second is taken for dead.
    const LATE: u32 = 4000;
    const SLOWLY: Duration = Duration::from_secs(30);
    if !namespaces_are_permitted() {
        return;
    }
    let mut house = House::of_capacity(1);
    let mut late = first_process(&mut house, 2, |house| {
        deed::arm(CrashPoint::GenerationRaised, Deed::Linger(LATE));
        house.board().ready.step();
        assert!(matches!(house.bed().join(), Err(JoinError::TableFull { capacity: 1 })));
        house.board().ready.step();
        house.board().go.wait_for(u32::MAX);
    });
    assert!(comes_true(|| !house.bed().participants().stakes().is_empty()));
    let mut owner = house.fork(|house| in_a_namespace(house, 1, hold));
    assert!(comes_true_within(SLOWLY, || house.board().ready.number() == 3));
    assert!(house.mutex().owner().is_some_and(|owner| owner.is_alive));
    house.board().go.open(2);
    assert_eq!((late.end(), owner.end()), (Ending::WELL, Ending::WELL));
}

fn hold(house: &mut House) {
    mem::forget(house.mutex().lock().expect("nobody has it"));
    house.board().ready.step();
    house.board().go.wait_for(u32::MAX);
}

/// Forks a process that makes a namespace, with a process in it that does `body` until it is killed
/// at the step `end`. Returns when that one is ready.
fn first_process(house: &mut House, end: u32, body: impl FnOnce(&mut House)) -> Child {
    house.fork_until_ready(|house| in_a_namespace(house, end, body))
}

fn in_a_namespace(house: &mut House, end: u32, body: impl FnOnce(&mut House)) {
    assert!(make_namespace());
    let mut first = house.fork(|house| {
        assert_eq!(std::process::id(), 1);
        body(house);
    });
    house.board().go.wait_for(end);
    assert_eq!(first.kill(), Ending::BY_SIGKILL);
}

fn namespaces_are_permitted() -> bool {
    let mut asker = Child::fork(|| exit_at_once(i32::from(!make_namespace())));
    let permitted = asker.end() == Ending::Exited(0);
    if !permitted {
        left_out("pid namespaces are not permitted here");
    }
    permitted
}

/// Makes a pid namespace for the children of this process; returns whether that is permitted.
fn make_namespace() -> bool {
    // Who is not root may be so in a user namespace.
    [libc::CLONE_NEWPID, libc::CLONE_NEWPID | libc::CLONE_NEWUSER].into_iter().any(|spaces| {
        // SAFETY: the call takes a number, and its process has this thread alone.
        unsafe { libc::unshare(spaces) == 0 }
    })
}
