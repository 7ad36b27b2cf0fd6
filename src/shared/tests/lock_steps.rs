//! Locks and semaphores in a heap, instruction by instruction: after each the process could die.
#![expect(unsafe_code, reason = "gives a lock back twice, in two heaps")]

use core::mem::forget;
use core::ptr;
use core::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::stage::{Behind, Stage, copy_of};
use super::tour::Tour;
use crate::shared::containers::boxed::ShmBox;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;
use crate::sync::owner::Word;
use crate::sync::semaphore::ShmSemaphore;
use crate::sys::tests::child::{Child, Ending};

/// Two numbers that are the same, for who is not warned.
type Lock = ShmMutex<[u64; 2]>;

const BYTES: usize = 64 << 10;

/// Nothing is ever declared in this heap: whoever settles it because of another test changes nothing.
fn stage_with_lock() -> (Stage, ShmBox<Lock>) {
    let stage = Stage::with_locks(BYTES);
    let lock = Lock::new_in([7; 2], &stage.heap).unwrap();
    stage.lock.set(stage.heap.attached.offset_of(ptr::from_ref(&*lock).addr()));
    (stage, lock)
}

impl Tour<'_> {
    /// Whoever comes while it is done, and finds another dead, is warned.
    fn walk_behind(&mut self, stage: &Stage, name: &'static str, act: impl Fn()) {
        let before = stage.look().unwrap().behind_lock.unwrap();
        let look = || Ok(stage.recover()?.behind_lock.unwrap());
        let Some(seen) = self.see(name, look, act) else { return };
        let after = stage.look().unwrap().behind_lock.unwrap();
        let [first, between @ .., last] = &seen[..] else { panic!("{name}: {seen:?}") };
        assert_eq!((*first, *last), (before, after), "{name}");
        assert!(between.iter().all(|behind| behind.is_warned), "{name}: {seen:?}");
        let Behind { is_warned, data: [one, other] } = after;
        assert!(!is_warned && one == other, "{name}: {after:?}");
    }
}

/// Has a process die in the middle of a change.
fn die_with(lock: &Lock) {
    let mut process = Child::fork(|| {
        let mut guard = lock.lock().unwrap();
        guard[0] += 1;
        forget(guard);
    });
    assert_eq!(process.end(), Ending::WELL);
}

fn raise(data: &mut [u64; 2]) {
    data[0] += 1;
    data[1] += 1;
}

#[test]
fn a_lock_is_free_for_the_next_whichever_instruction_is_the_last() {
    let (stage, lock) = stage_with_lock();
    let mut tour = Tour::of(&stage);
    tour.walk_behind(&stage, "it is taken and given back", || raise(&mut lock.lock().unwrap()));
    tour.walk_behind(&stage, "it is tried", || raise(&mut lock.try_lock().unwrap()));
    tour.walk_behind(&stage, "it is waited for in time", || {
        raise(&mut lock.lock_timeout(Duration::MAX).unwrap());
    });
    let offset = stage.lock.get().unwrap();
    let word = || stage.heap.attached.word_at(offset).unwrap();
    tour.walk_behind(&stage, "it is given back to somebody who waits", || {
        let mut guard = lock.lock().unwrap();
        word().fetch_or(Word::FREE.with_waiters().bits(), Ordering::Relaxed);
        raise(&mut guard);
    });
    assert_eq!(*lock.lock().unwrap(), [11; 2]);
}

#[test]
fn a_dead_owners_lock_is_the_next_ones_whichever_instruction_is_the_last() {
    let (stage, lock) = stage_with_lock();
    let mut tour = Tour::of(&stage);
    die_with(&lock);
    let torn = Behind { is_warned: true, data: [8, 7] };
    let look = || Ok(stage.recover()?.behind_lock.unwrap());
    for take in [Lock::lock, Lock::try_lock] {
        let died = || assert!(matches!(take(&lock), Err(LockError::OwnerDied(_))));
        let seen = tour.see("it is taken over, and left as it is", look, died);
        assert!(seen.is_none_or(|seen| seen == [torn]));
    }
    tour.walk_behind(&stage, "it is recovered", || {
        _ = lock.lock().or_else(|error| error.recover(|data| data[1] = data[0])).unwrap();
    });
    die_with(&lock);
    tour.walk_behind(&stage, "its data is replaced", || {
        _ = lock.lock().or_else(|error| error.replace_with(|| [3; 2])).unwrap();
    });
    assert_eq!(*lock.lock().unwrap(), [3; 2]);
}

#[test]
fn a_lock_that_was_waited_for_is_free_for_the_next_whichever_instruction_is_the_last() {
    let (stage, lock) = stage_with_lock();
    let mut tour = Tour::of(&stage);
    stage.lock.set(None);
    let guard = lock.lock().unwrap();
    let look = || {
        stage.without_worker(|| {
            // SAFETY: the heap is one that somebody looks at, and is as it was afterwards.
            drop(unsafe { copy_of(&guard) });
            let data = *lock.try_lock().unwrap();
            stage.look().map(|recovered| (data, recovered))
        })
    };
    let wait = || {
        let time_is_up = lock.lock_timeout(Duration::from_millis(100));
        assert!(matches!(time_is_up, Err(LockError::Held)));
    };
    let seen = tour.see("it is waited for until the time is up", look, wait);
    assert!(seen.is_none_or(|seen| seen.len() == 1));
    drop(guard);
    assert_eq!(*lock.lock().unwrap(), [7; 2]);
}

#[test]
fn who_waited_for_a_lock_has_it_or_leaves_it_whichever_instruction_is_the_last() {
    let (stage, lock) = stage_with_lock();
    let offset = stage.lock.get().unwrap();
    // Behind its word the lock has a semaphore, with one bit for those who sleep.
    let semaphore = stage.heap.attached.word_at(offset + 8).unwrap();
    let goes_to_sleep = || semaphore.load(Ordering::Relaxed) & 1 << 31 > 0;
    let (before, (held, is_held)) = (Behind { is_warned: false, data: [7; 2] }, mpsc::channel());
    let seen = thread::scope(|scope| {
        scope.spawn(|| {
            let guard = lock.lock().unwrap();
            held.send(()).unwrap();
            let begun = Instant::now();
            while !goes_to_sleep() && begun.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(1));
            }
            // A few instructions later it sleeps.
            thread::sleep(Duration::from_millis(10));
            drop(guard);
        });
        is_held.recv().unwrap();
        let look = || Ok(stage.recover()?.behind_lock);
        let wait = || raise(&mut lock.lock().unwrap());
        Tour::of(&stage).see("it is waited for until it is given back", look, wait)
    });
    let after = stage.look().unwrap().behind_lock.unwrap();
    assert_eq!(after, Behind { is_warned: false, data: [8; 2] });
    let Some(seen) = seen else { return };
    let [None, between @ .., Some(last)] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(*last, after);
    let is_fine = |behind: &Option<Behind>| behind.is_none_or(|it| it.is_warned || it == before);
    assert!(between.iter().all(is_fine), "{seen:?}");
    assert!(between.iter().flatten().any(|behind| behind.is_warned), "{seen:?}");
}

#[test]
fn a_count_is_there_or_taken_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let semaphore = ShmBox::new_in(ShmSemaphore::new(1), &stage.heap).unwrap();
    let mut tour = Tour::of(&stage);
    let count = || {
        stage.without_worker(|| {
            stage.look()?;
            Ok((0..).take_while(|_| semaphore.try_wait()).count())
        })
    };
    let mut walk = |name, act: &dyn Fn(), counts: &[usize]| {
        let seen = tour.see(name, count, act);
        assert!(seen.is_none_or(|seen| seen == counts), "{name}");
    };
    walk("one is added", &|| semaphore.post().unwrap(), &[1, 2]);
    walk("one is waited for", &|| semaphore.wait(), &[2, 1]);
    walk("one is taken", &|| assert!(semaphore.try_wait()), &[1, 0]);
    walk("there is none", &|| assert!(!semaphore.try_wait()), &[0]);
    let in_vain = || assert!(!semaphore.wait_timeout(Duration::from_millis(10)));
    walk("one is waited for in vain", &in_vain, &[0]);
    walk("one is added for somebody who sleeps", &|| semaphore.post().unwrap(), &[0, 1]);
    let in_time = || assert!(semaphore.wait_timeout(Duration::MAX));
    walk("one is waited for in time", &in_time, &[1, 0]);
}
