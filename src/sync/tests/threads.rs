//! Several threads of a process: who of them has the lock, and which of them run whose code.
#![expect(unsafe_code, reason = "handles a signal")]

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::child::Ending;
use super::holder::{Answer, House};
use crate::sync::lock_error::LockError;

/// Long enough for another thread to have its turn.
const A_WHILE: Duration = Duration::from_millis(30);

#[test]
fn a_thread_is_not_taken_for_the_dead_one_of_its_number() {
    let mut house = House::of_capacity(8);
    // The main threads of all who are forked from now on have this thread's number.
    assert_eq!(house.ask(), Answer::Granted);
    let mut owner = house.holder(|_| ());
    assert_eq!(owner.kill(), Ending::BY_SIGKILL);
    let mut process = house.fork(|house| assert_eq!(house.ask(), Answer::OwnerDied));
    assert_eq!(process.end(), Ending::WELL);
}

#[test]
fn a_threads_second_guard_is_refused_and_other_threads_wait() {
    let mut house = House::of_capacity(8);
    let mut process = house.fork(|house| {
        let mutex = house.mutex();
        let guard = mutex.lock().expect("nobody has it");
        assert!(matches!(mutex.lock(), Err(LockError::Relock)));
        assert!(matches!(mutex.try_lock(), Err(LockError::Held)));
        thread::scope(|scope| {
            let other = scope.spawn(|| mutex.lock_timeout(A_WHILE).err().map(|e| format!("{e:?}")));
            assert_eq!(other.join().expect("an answer").as_deref(), Some("Held"));
        });
        drop(guard);
        assert!(mutex.lock().is_ok());
    });
    assert_eq!(process.end(), Ending::WELL);
}

/// The thread that ran the handler, and how often it ran.
static HANDLED_BY: AtomicU32 = AtomicU32::new(0);

#[test]
fn a_programs_signal_handler_does_not_run_on_the_keepers_thread() {
    let mut house = House::of_capacity(8);
    let mut process = house.fork(|house| {
        house.bed().join().expect("a slot");
        handle_usr1();
        mask_usr1(libc::SIG_BLOCK);
        signal_this_process();
        // No thread takes it but, if it can, the keeper's.
        thread::sleep(A_WHILE);
        assert_eq!(HANDLED_BY.load(Ordering::SeqCst), 0);
        mask_usr1(libc::SIG_UNBLOCK);
        assert_eq!(HANDLED_BY.load(Ordering::SeqCst), thread_number());
    });
    assert_eq!(process.end(), Ending::WELL);
}

extern "C" fn note_the_thread(_signal: i32) {
    HANDLED_BY.store(thread_number(), Ordering::SeqCst);
}

fn thread_number() -> u32 {
    // SAFETY: the call takes nothing.
    unsafe { libc::gettid() }.unsigned_abs()
}

fn handle_usr1() {
    let handler: extern "C" fn(i32) = note_the_thread;
    // SAFETY: the handler stores to an atomic, which is allowed in one.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
}

fn mask_usr1(how: i32) {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set has room for what is written to it.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised above.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGUSR1) };
    // SAFETY: initialised above.
    unsafe { libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut()) };
}

fn signal_this_process() {
    // SAFETY: the call takes nothing.
    let me = unsafe { libc::getpid() };
    // SAFETY: the call takes two numbers; the process is this one.
    unsafe { libc::kill(me, libc::SIGUSR1) };
}
