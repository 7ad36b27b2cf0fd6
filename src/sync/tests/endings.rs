//! Owners that stop, exit, become other programs, or lose their main thread.
#![expect(unsafe_code, reason = "calls what ends a process")]

use core::mem;
use core::ptr;
use std::fs;
use std::process;
use std::thread;
use std::time::Duration;

use super::child::{Ending, exit_at_once};
use super::holder::{Answer, House};
use super::patience::comes_true;
use crate::sync::lock_error::LockError;

#[test]
fn a_stopped_owner_keeps_its_lock() {
    const FAR_TOO_LONG: Duration = Duration::from_millis(300);
    let mut house = House::of_capacity(8);
    let mut owner = house.fork_until_ready(|house| {
        let guard = house.mutex().lock().expect("nobody has it");
        house.board().ready.step();
        house.board().go.wait_for(1);
        drop(guard);
    });
    owner.stop();
    assert!(matches!(house.mutex().lock_timeout(FAR_TOO_LONG), Err(LockError::Held)));
    assert!(house.mutex().owner().is_some_and(|seen| seen.is_alive && seen.pid == owner.pid()));
    owner.resume();
    house.board().go.step();
    assert_eq!(house.ask(), Answer::Granted);
    assert_eq!(owner.end(), Ending::WELL);
}

#[test]
fn an_owner_that_becomes_another_program_has_died() {
    let mut house = House::of_capacity(8);
    let mut owner = house.holder(|_| become_program(&[c"/bin/sleep", c"1000"]));
    house.board().go.step();
    assert_eq!(house.ask(), Answer::OwnerDied);
    assert!(!owner.has_ended());
    assert_eq!(owner.kill(), Ending::BY_SIGKILL);

    let mut owner = house.holder(|_| become_program(&[c"/bin/true"]));
    assert_eq!(owner.end(), Ending::WELL);
    assert_eq!(house.ask(), Answer::OwnerDied);
}

#[test]
fn an_owner_that_exits_has_died() {
    let mut house = House::of_capacity(8);
    house.board().go.step();
    let mut owner = house.holder(|_| process::exit(3));
    assert_eq!(owner.end(), Ending::Exited(3));
    assert_eq!(house.ask(), Answer::OwnerDied);

    let mut owner = house.holder(|_| exit_at_once(4));
    assert_eq!(owner.end(), Ending::Exited(4));
    assert_eq!(house.ask(), Answer::OwnerDied);
    assert_eq!(house.ask(), Answer::Granted);
}

#[test]
fn an_owner_lives_as_long_as_one_of_its_threads() {
    const A_WHILE: Duration = Duration::from_millis(100);
    let mut house = House::of_capacity(8);
    let mut owner = house.fork_until_ready(|house| {
        let (mutex, board) = (house.mutex(), house.board());
        thread::spawn(|| {
            mem::forget(mutex.lock().expect("nobody has it"));
            board.ready.step();
            board.go.wait_for(1);
            exit_at_once(0);
        });
        board.ready.wait_for(1);
        end_this_thread();
    });
    assert!(comes_true(|| is_without_main_thread(owner.pid())));
    assert!(matches!(house.mutex().lock_timeout(A_WHILE), Err(LockError::Held)));
    house.board().go.step();
    assert_eq!(house.ask(), Answer::OwnerDied);
    assert_eq!(owner.end(), Ending::WELL);
}

fn become_program(arguments: &[&core::ffi::CStr]) {
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(ptr::null());
    // SAFETY: strings that end in a zero, in a list that ends in a null.
    unsafe { libc::execv(pointers[0], pointers.as_ptr()) };
    panic!("no such program");
}

/// Ends the thread and nothing else: nothing is unwound, and what it borrowed stays.
fn end_this_thread() {
    // SAFETY: the stack of a main thread stays mapped.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Whether the first thread of a process has ended: the kernel then shows it as a zombie.
fn is_without_main_thread(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('Z'))
}
