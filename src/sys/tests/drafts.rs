//! What nobody sees before it is whole.
#![expect(unsafe_code, reason = "sets the umask, and asks about descriptors")]

use core::sync::atomic::Ordering;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use super::bytes::{becomes, first, is_zeroed};
use super::child::{Child, Ending};
use super::filter::Filter;
use super::folder::Folder;
use super::names::is_missing;
use crate::sys::draft::Draft;
use crate::sys::mapping::{Access, Memory};
use crate::sys::place::Place;
use crate::sys::trusted::Trust;

const BYTES: usize = 10_000;

type Create = fn(&Place, usize) -> io::Result<Draft>;
/// Without a name, and with one for the time being.
const BOTH_WAYS: [Create; 2] = [Draft::create, Draft::create_named];

#[test]
fn a_draft_is_nowhere_until_it_is_published() {
    let folder = Folder::make();
    let place = folder.place("heap");
    let draft = Draft::create(&place, BYTES).expect("room");
    assert!(folder.entries().is_empty() && is_missing(&place));
    draft.publish().expect("nobody was first");
    assert_eq!(folder.entries(), ["heap"]);
}

#[test]
fn a_draft_with_a_temporary_name_has_it_no_more_when_it_is_published() {
    let folder = Folder::make();
    let place = folder.place("heap");
    let draft = Draft::create_named(&place, BYTES).expect("room");
    assert_eq!(folder.entries().len(), 1);
    assert!(is_missing(&place));
    draft.publish().expect("nobody was first");
    assert_eq!(folder.entries(), ["heap"]);
}

#[test]
fn a_temporary_name_is_hidden_and_another_each_time() {
    let folder = Folder::make();
    let place = folder.place("heap");
    let drafts = [(); 2].map(|()| Draft::create_named(&place, BYTES).expect("room"));
    let names = folder.entries();
    assert_eq!(names.len(), 2);
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with(".heap.")));
    drop(drafts);
    assert!(folder.entries().is_empty());
}

#[test]
fn the_longest_name_has_room_for_a_temporary_one() {
    let folder = Folder::make();
    let place = folder.place(&"x".repeat(255));
    for create in BOTH_WAYS {
        create(&place, BYTES).expect("room").publish().expect("nobody was first");
        place.unlink().expect("it is there");
    }
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let folder = Folder::make();
    for create in BOTH_WAYS {
        drop(create(&folder.place("heap"), BYTES).expect("room"));
        assert!(folder.entries().is_empty());
    }
}

#[test]
fn the_second_to_publish_is_refused_and_changes_nothing() {
    let folder = Folder::make();
    let place = folder.place("heap");
    for create in BOTH_WAYS {
        let [winner, loser] = [(); 2].map(|()| create(&place, BYTES).expect("room"));
        first(winner.memory()).store(1, Ordering::Relaxed);
        first(loser.memory()).store(2, Ordering::Relaxed);
        winner.publish().expect("nobody was first");
        let refused = loser.publish().expect_err("somebody was first");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(folder.entries(), ["heap"]);
        let opened = place.open(Access::ReadWrite, Trust::OwnUser).expect("it is ours");
        assert_eq!(first(&opened).load(Ordering::Relaxed), 1);
        place.unlink().expect("it is there");
    }
}

#[test]
fn nothing_that_is_there_is_replaced() {
    let folder = Folder::make();
    let place = folder.place("heap");
    std::os::unix::fs::symlink("nowhere", place.path()).expect("a link");
    for create in BOTH_WAYS {
        let refused = create(&place, BYTES).expect("room").publish().expect_err("it is taken");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    }
    assert_eq!(folder.entries(), ["heap"]);
}

#[test]
fn a_creator_that_is_killed_leaves_nothing_and_blocks_nobody() {
    let folder = Folder::make();
    let place = folder.place("heap");
    for (create, left) in BOTH_WAYS.into_iter().zip([0, 1]) {
        let board = Memory::map_anon(8).expect("memory");
        let mut creator = Child::fork(|| {
            let draft = create(&place, BYTES).expect("room");
            first(draft.memory()).store(1, Ordering::Relaxed);
            first(&board).store(1, Ordering::Release);
            becomes(&board, 2);
        });
        assert!(becomes(&board, 1));
        assert_eq!(creator.kill(), Ending::BY_SIGKILL);
        assert!(is_missing(&place));
        // A temporary name stays, and is in nobody's way.
        assert_eq!(folder.entries().len(), left);
        let memory = create(&place, BYTES).expect("room").publish().expect("nobody was first");
        assert!(is_zeroed(&memory));
        place.unlink().expect("it is there");
    }
}

#[test]
fn the_mode_is_0600_whatever_the_umask() {
    for umask in [0, 0o077, 0o777] {
        for create in BOTH_WAYS {
            let folder = Folder::make();
            let place = folder.place("heap");
            // The umask is that of all threads.
            let mut child = Child::fork(|| {
                // SAFETY: the call takes a number and cannot fail.
                unsafe { libc::umask(umask) };
                create(&place, BYTES).expect("room").publish().expect("nobody was first");
            });
            assert_eq!(child.end(), Ending::WELL);
            let status = fs::metadata(place.path()).expect("it is there");
            assert_eq!(status.mode() & 0o7777, 0o600, "umask {umask:o}");
        }
    }
}

#[test]
fn where_there_are_no_files_without_a_name_there_are_temporary_ones() {
    for refusal in [libc::EOPNOTSUPP, libc::EISDIR, libc::EINVAL, libc::ENOENT] {
        let folder = Folder::make();
        let place = folder.place("heap");
        let mut child = Child::fork(|| {
            assert!(forbid_nameless_files(refusal), "filters are not permitted here");
            let draft = Draft::create(&place, BYTES).expect("room");
            let names = folder.entries();
            assert!(names.len() == 1 && names != [OsString::from("heap")]);
            draft.publish().expect("nobody was first");
        });
        assert_eq!(child.end(), Ending::WELL);
        assert_eq!(folder.entries(), ["heap"]);
    }
}

#[test]
fn what_is_no_want_of_nameless_files_is_an_error() {
    let folder = Folder::make();
    let place = folder.place("heap");
    let mut child = Child::fork(|| {
        assert!(forbid_nameless_files(libc::EMFILE));
        let refused = Draft::create(&place, BYTES).expect_err("there is no descriptor");
        assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
    });
    assert_eq!(child.end(), Ending::WELL);
    let nowhere = folder.path().join("no/heap");
    let nowhere = Place::of_path(&nowhere).expect("a path");
    let refused = Draft::create(&nowhere, BYTES).expect_err("there is no directory");
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
}

#[test]
fn no_descriptor_is_inherited_by_other_programs() {
    let folder = Folder::make();
    let place = folder.place("heap");
    for create in BOTH_WAYS {
        let draft = create(&place, BYTES).expect("room");
        assert!(is_closed_by_exec(draft.memory()));
        assert!(is_closed_by_exec(&draft.publish().expect("nobody was first")));
        let opened = place.open(Access::ReadOnly, Trust::OwnUser).expect("it is ours");
        assert!(is_closed_by_exec(&opened));
        place.unlink().expect("it is there");
    }
    assert!(is_closed_by_exec(&Memory::memfd(BYTES).expect("memory")));
}

fn is_closed_by_exec(memory: &Memory) -> bool {
    let descriptor = memory.descriptor().expect("it has a file").as_raw_fd();
    // SAFETY: the call takes a descriptor and a number.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) & libc::FD_CLOEXEC != 0 }
}

/// Lets `openat` with `O_TMPFILE` fail in this process, as on another file system.
fn forbid_nameless_files(refusal: i32) -> bool {
    const BIT: i32 = libc::O_TMPFILE & !libc::O_DIRECTORY;
    Filter { call: libc::SYS_openat, argument: 2, bits: BIT.unsigned_abs(), refusal }.install()
}
