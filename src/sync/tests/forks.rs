//! Children that are forked while their parent holds a lock.
#![expect(unsafe_code, reason = "drops a guard in a child that is used in its parent")]

use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use super::child::{Child, Ending};
use super::holder::{Answer, House};
use super::patience::{comes_true, comes_true_within};
use crate::sync::guard::ShmMutexGuard;

#[test]
fn a_forked_child_is_a_participant_of_its_own() {
    let mut house = House::of_capacity(8);
    let guard = house.mutex().try_lock().expect("nobody has it");
    let mut child = house.fork_until_ready(|house| {
        assert_eq!(house.try_it(), Answer::Held);
        house.board().ready.step();
        let guard = house.mutex().lock().expect("the parent lets go of it");
        house.board().ready.step();
        house.board().go.wait_for(1);
        drop(guard);
    });
    let parent = house.mutex().owner().expect("the parent has it");
    assert_eq!(parent.pid, std::process::id());
    drop(guard);
    assert!(comes_true(|| house.board().ready.number() == 2));
    let owner = house.mutex().owner().expect("the child has it");
    assert_eq!(owner.pid, child.pid());
    assert!(owner.is_alive && owner.started >= parent.started && parent.started.is_some());
    house.board().go.step();
    assert_eq!(child.end(), Ending::WELL);
    assert_eq!(house.ask(), Answer::Granted);
}

#[test]
fn a_guard_copied_by_a_fork_does_not_unlock() {
    drop_in_a_child(|_, guard| drop(guard));
}

#[test]
fn a_guard_copied_by_a_fork_does_not_unlock_once_the_child_has_joined() {
    drop_in_a_child(|house, guard| {
        house.bed().join().expect("a slot");
        drop(guard);
    });
}

#[test]
fn a_guard_copied_by_a_fork_does_not_poison() {
    drop_in_a_child(|_, guard| {
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            let _guard = guard;
            // A panic that nobody is told of.
            panic::resume_unwind(Box::new(()));
        }));
        assert!(panicked.is_err());
    });
}

#[test]
fn a_child_joins_whatever_other_threads_were_at_when_it_was_forked() {
    const CHILDREN: usize = 1000;
    let mut house = House::of_capacity(8);
    // Apart from other tests, whose children start threads: `std` and libc have locks for that.
    let mut parent = Child::fork(|| {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let _done = SetAtTheEnd(&done);
            // Threads come and go all the time.
            for _ in 0..3 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        thread::spawn(|| ()).join().expect("it does nothing");
                    }
                });
            }
            for _ in 0..CHILDREN {
                let mut child = house.fork(|house| assert_eq!(house.try_it(), Answer::Granted));
                assert_eq!(child.end(), Ending::WELL);
            }
        });
    });
    assert!(comes_true_within(SLOWLY, || parent.has_ended()));
    assert_eq!(parent.end(), Ending::WELL);
}

/// How long it may take to fork so many.
const SLOWLY: Duration = Duration::from_secs(300);

/// A flag that is set when this is dropped.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Forks a child that drops its copy of a guard, and sees whether the lock is still held then.
fn drop_in_a_child(drop_it: impl FnOnce(&House, ShmMutexGuard<'static, u32>)) {
    let mut house = House::of_capacity(8);
    let mut guard = ManuallyDrop::new(house.mutex().try_lock().expect("nobody has it"));
    let mut child = house.fork(|house| {
        // SAFETY: this copy of it is the child's, which does not use it again.
        drop_it(house, unsafe { ManuallyDrop::take(&mut guard) });
        assert_eq!(house.try_it(), Answer::Held);
    });
    assert_eq!(child.end(), Ending::WELL);
    let mut third = house.fork(|house| assert_eq!(house.try_it(), Answer::Held));
    assert_eq!(third.end(), Ending::WELL);
    assert!(house.mutex().owner().is_some_and(|owner| owner.pid == std::process::id()));
    drop(ManuallyDrop::into_inner(guard));
    assert_eq!(house.ask(), Answer::Granted);
}
