//! Many who make the same file at once, and many who open it meanwhile.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::sync::Barrier;
use std::thread;

use super::bytes::{first, words};
use super::child::{Child, Ending};
use super::folder::{Folder, Name};
use super::patience::comes_true;
use crate::sys::draft::Draft;
use crate::sys::mapping::{Access, Memory};
use crate::sys::place::Place;
use crate::sys::refused::Refused;
use crate::sys::trusted::Trust;

const BYTES: usize = 10_000;
const CREATORS: u64 = 4;
const ROUNDS: usize = 50;

#[test]
fn of_threads_that_create_exactly_one_wins() {
    let (folder, name) = (Folder::make(), Name::invent());
    for place in [folder.place("heap"), name.place.clone()] {
        for _ in 0..ROUNDS {
            let start = Barrier::new(CREATORS as usize);
            let winners = AtomicU64::new(0);
            thread::scope(|scope| {
                for _ in 0..CREATORS {
                    scope.spawn(|| {
                        start.wait();
                        winners.fetch_add(create(&place), Ordering::Relaxed);
                    });
                }
            });
            assert_eq!(winners.into_inner(), 1);
            assert!(is_whole(&place).expect("it is there"));
            place.unlink().expect("it is there");
        }
    }
}

#[test]
fn of_processes_that_create_exactly_one_wins_and_nobody_sees_a_half_of_it() {
    let (folder, name) = (Folder::make(), Name::invent());
    for place in [folder.place("heap"), name.place.clone()] {
        for _ in 0..ROUNDS {
            let board = Memory::map_anon(64).expect("memory");
            let [ready, winners, ..] = words(&board) else { panic!("there are eight") };
            let wait = || {
                ready.fetch_add(1, Ordering::Relaxed);
                comes_true(|| ready.load(Ordering::Relaxed) == CREATORS + 1);
            };
            let mut opener = Child::fork(|| {
                wait();
                assert!(comes_true(|| is_whole(&place) == Some(true)));
            });
            let mut creators = [(); CREATORS as usize].map(|()| {
                Child::fork(|| {
                    wait();
                    winners.fetch_add(create(&place), Ordering::Relaxed);
                })
            });
            assert!(creators.iter_mut().all(|child| child.end() == Ending::WELL));
            assert_eq!(opener.end(), Ending::WELL);
            assert_eq!(winners.load(Ordering::Relaxed), 1);
            place.unlink().expect("it is there");
        }
    }
}

/// Makes a file with a number in each word; returns 1 if it has got its place.
fn create(place: &Place) -> u64 {
    let draft = Draft::create(place, BYTES).expect("room");
    words(draft.memory()).iter().for_each(|word| word.store(1, Ordering::Relaxed));
    match draft.publish() {
        Ok(_) => 1,
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            0
        }
    }
}

/// Returns whether the file is all that its creator has written, or nothing if there is none.
fn is_whole(place: &Place) -> Option<bool> {
    let memory = match place.open(Access::ReadOnly, Trust::OwnUser) {
        Err(Refused::System(error)) if error.kind() == io::ErrorKind::NotFound => return None,
        opened => opened.expect("it is ours"),
    };
    assert_eq!((memory.bytes(), first(&memory).load(Ordering::Relaxed)), (BYTES, 1));
    assert!(words(&memory).iter().all(|word| word.load(Ordering::Relaxed) == 1));
    Some(true)
}
