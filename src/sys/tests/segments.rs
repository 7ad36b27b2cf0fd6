//! What segments of System V promise when their makers are killed.
#![expect(unsafe_code, reason = "asks the system about segments, and attaches one")]

use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering};
use std::collections::HashSet;
use std::io;

use super::bytes::{becomes, first, words};
use super::child::{Child, Ending, exit_at_once};
use crate::sys::mapping::Memory;
use crate::sys::segment::{KEYS, Segment, key, keys_of};

const BYTES: usize = 12_345;

/// A segment, looked at from outside. It is removed when this is dropped.
struct Outside {
    id: libc::c_int,
}

impl Outside {
    /// Those whose numbers a child has written down.
    fn all_of(notes: &Memory) -> Vec<Self> {
        let notes = words(notes).iter().map(|note| note.load(Ordering::Acquire));
        notes.take_while(|note| *note != 0).map(|note| Self { id: note as i32 - 1 }).collect()
    }

    fn of(notes: &Memory) -> Self {
        Self::all_of(notes).pop().expect("a segment")
    }

    /// Returns how often it is attached, if it is there and nobody has removed it.
    fn attachments(&self) -> Option<libc::shmatt_t> {
        const IS_REMOVED: u32 = 0o1000;
        // SAFETY: it consists of numbers.
        let mut status: libc::shmid_ds = unsafe { mem::zeroed() };
        // SAFETY: there is room for what is written.
        let result = unsafe { libc::shmctl(self.id, libc::IPC_STAT, &raw mut status) };
        let is_there = result == 0 && u32::from(status.shm_perm.mode) & IS_REMOVED == 0;
        is_there.then_some(status.shm_nattch)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // SAFETY: the call takes numbers, and with this command no address.
        unsafe { libc::shmctl(self.id, libc::IPC_RMID, ptr::null_mut()) };
    }
}

fn no_notes() -> Memory {
    Memory::map_anon(4096).expect("memory")
}

/// Writes down a segment, and returns it.
fn noted(notes: &Memory, segment: io::Result<Segment>) -> Segment {
    let segment = segment.expect("a segment");
    let free = words(notes).iter().find(|note| note.load(Ordering::Relaxed) == 0);
    free.expect("room for a note").store(segment.id() as u64 + 1, Ordering::Release);
    segment
}

fn stop() {
    // SAFETY: the call takes a number.
    unsafe { libc::raise(libc::SIGSTOP) };
}

fn make_another() {
    drop(Memory::sys_v(BYTES).expect("memory"));
}

/// Leaves segments behind as one does who is killed; they are noted.
fn leave_behind(make: impl Fn(u32) -> Vec<io::Result<Segment>>) -> Vec<Outside> {
    let notes = no_notes();
    let mut child = Child::fork(|| {
        let made = make(std::process::id()).into_iter().map(|segment| noted(&notes, segment));
        mem::forget(made.collect::<Vec<_>>());
        exit_at_once(0);
    });
    assert_eq!(child.end(), Ending::WELL);
    Outside::all_of(&notes)
}

fn own_user() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

#[test]
fn what_a_maker_leaves_that_is_killed_before_it_attaches_goes_as_the_next_is_made() {
    let notes = no_notes();
    let mut maker = Child::fork(|| {
        let _segment = noted(&notes, Segment::create(BYTES));
        stop();
    });
    maker.wait_until_stopped();
    let segment = Outside::of(&notes);
    assert_eq!(segment.attachments(), Some(0));
    assert_eq!(maker.kill(), Ending::BY_SIGKILL);
    make_another();
    assert_eq!(segment.attachments(), None);
}

#[test]
fn what_a_maker_leaves_that_is_killed_after_it_has_attached_goes_as_the_next_is_made() {
    let notes = no_notes();
    let mut maker = Child::fork(|| {
        noted(&notes, Segment::create(BYTES)).attach().expect("an address");
    });
    assert_eq!(maker.end(), Ending::WELL);
    assert_eq!(Outside::of(&notes).attachments(), None, "it is removed by its maker");

    let notes = no_notes();
    let mut maker = Child::fork(|| {
        let segment = noted(&notes, Segment::create(BYTES));
        segment.attach().expect("an address");
        stop();
    });
    maker.wait_until_stopped();
    let segment = Outside::of(&notes);
    assert_eq!(segment.attachments(), Some(1));
    make_another();
    assert_eq!(segment.attachments(), Some(1));
    assert_eq!(maker.kill(), Ending::BY_SIGKILL);
    make_another();
    assert_eq!(segment.attachments(), None);
}

#[test]
fn a_segment_in_the_making_is_left_to_its_maker() {
    let notes = no_notes();
    let mut maker = Child::fork(|| {
        let segment = noted(&notes, Segment::create(BYTES));
        stop();
        let start = segment.attach().expect("an address").cast::<AtomicU8>();
        drop(segment);
        // SAFETY: it is mapped to the end of this process.
        let bytes = unsafe { core::slice::from_raw_parts(start, BYTES) };
        assert!(bytes.iter().all(|byte| byte.swap(1, Ordering::Relaxed) == 0));
        first(&notes).store(u64::MAX, Ordering::Release);
    });
    maker.wait_until_stopped();
    let segment = Outside::of(&notes);
    make_another();
    assert_eq!(segment.attachments(), Some(0));
    maker.resume();
    assert!(becomes(&notes, u64::MAX));
    assert_eq!(maker.end(), Ending::WELL);
    assert_eq!(segment.attachments(), None);
}

#[test]
fn segments_of_others_are_left_alone() {
    let user = own_user();
    let foreign = leave_behind(|maker| {
        let of_key = |key| Segment::of_key(key, BYTES);
        let no_key = of_key(libc::IPC_PRIVATE);
        let one_salt_too_many = of_key(key(user, maker, BYTES, KEYS));
        let another_user = of_key(key(!user, maker, BYTES, 0));
        let another_maker = of_key(key(user, !maker, BYTES, 0));
        let another_size = of_key(key(user, maker, BYTES + 1, 0));
        vec![no_key, one_salt_too_many, another_user, another_maker, another_size]
    });
    assert_eq!(foreign.len(), 5);
    make_another();
    assert!(foreign.iter().all(|segment| segment.attachments() == Some(0)));
}

#[test]
fn of_all_that_a_dead_maker_has_left_nothing_stays() {
    let user = own_user();
    let left = leave_behind(|maker| {
        keys_of(user, maker, BYTES).into_iter().map(|key| Segment::of_key(key, BYTES)).collect()
    });
    assert_eq!(left.len(), KEYS);
    make_another();
    assert!(left.iter().all(|segment| segment.attachments().is_none()));
}

#[test]
fn what_somebody_has_attached_stays_until_he_has_it_no_more() {
    // In one process that forks nobody: a child of another test would have it, too.
    let mut child = Child::fork(|| {
        let notes = no_notes();
        let mut maker = Child::fork(|| {
            let _segment = noted(&notes, Segment::create(BYTES));
            stop();
        });
        maker.wait_until_stopped();
        let segment = Outside::of(&notes);
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start = unsafe { libc::shmat(segment.id, ptr::null(), 0) };
        assert_eq!(maker.kill(), Ending::BY_SIGKILL);
        make_another();
        assert_eq!(segment.attachments(), Some(1));
        // SAFETY: nobody has made a reference to it.
        assert_eq!(unsafe { libc::shmdt(start) }, 0);
        make_another();
        assert_eq!(segment.attachments(), None);
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn many_threads_may_be_making_segments_of_one_size() {
    let made: Vec<_> =
        (0..KEYS + 2).map(|_| Segment::create(BYTES + 1).expect("a segment")).collect();
    let ids: HashSet<_> = made.iter().map(Segment::id).collect();
    assert_eq!(ids.len(), KEYS + 2);
}

#[test]
fn a_segment_that_is_made_has_its_key_no_more() {
    let mut child = Child::fork(|| {
        let key = key(own_user(), std::process::id(), BYTES, 0);
        let segment = Segment::create(BYTES).expect("a segment");
        segment.attach().expect("an address");
        Segment::of_key(key, BYTES).expect_err("that key is taken");
        drop(segment);
        drop(Segment::of_key(key, BYTES).expect("no other has that key"));
    });
    assert_eq!(child.end(), Ending::WELL);
}
