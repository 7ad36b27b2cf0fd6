//! What is not mapped, and why.
#![expect(unsafe_code, reason = "makes a pipe")]

use core::fmt::Debug;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;

use super::child::{Child, Ending};
use super::folder::{Folder, Name};
use super::left_out::left_out;
use crate::sys::draft::Draft;
use crate::sys::file;
use crate::sys::mapping::{Access, Memory};
use crate::sys::place::Place;
use crate::sys::refused::Refused;
use crate::sys::trusted::Trust;

const BYTES: usize = 10_000;
const STRANGER: u32 = 12_345;

/// A file with all that it needs.
fn good(place: Place) -> Place {
    Draft::create(&place, BYTES).expect("room").publish().expect("nobody was first");
    place
}

/// Opens it in every way, and returns why that is refused, which is always the same.
fn refusal(place: &Place, trust: Trust) -> Refused {
    let [written, read] = [Access::ReadWrite, Access::ReadOnly]
        .map(|access| place.open(access, trust).expect_err("there is something wrong with it"));
    assert_eq!(format!("{written:?}"), format!("{read:?}"));
    written
}

/// Passes the descriptor of a file, and returns why that is refused.
fn refusal_when_passed(place: &Place) -> Refused {
    let file = OpenOptions::new().read(true).write(true).open(place.path()).expect("it is there");
    passed(file, Trust::OwnUser).expect_err("there is something wrong with it")
}

fn passed(file: File, trust: Trust) -> Result<Memory, Refused> {
    Memory::from_fd(OwnedFd::from(file), Access::ReadWrite, trust)
}

fn assert_said(refused: impl Debug + ToString, words: &str) {
    assert_eq!(refused.to_string(), words, "{refused:?}");
}

#[test]
fn a_symbolic_link_is_refused_whatever_it_leads_to() {
    let folder = Folder::make();
    good(folder.place("heap"));
    let link = folder.place("link");
    symlink("heap", link.path()).expect("a link");
    for trust in [Trust::OwnUser, Trust::Vouched] {
        assert!(matches!(refusal(&link, trust), Refused::Symlink));
    }
    assert_said(refusal(&link, Trust::OwnUser), "it is a symbolic link");
}

#[test]
fn what_others_may_touch_is_refused_unless_somebody_vouches() {
    let (folder, name) = (Folder::make(), Name::invent());
    for place in [good(folder.place("heap")), good(name.place.clone())] {
        let set = |mode| fs::set_permissions(place.path(), Permissions::from_mode(mode));
        for mode in [0o644, 0o640, 0o660, 0o602, 0o601, 0o610, 0o4640] {
            set(mode).expect("it is ours");
            for refused in [refusal(&place, Trust::OwnUser), refusal_when_passed(&place)] {
                assert!(matches!(refused, Refused::Mode { found } if found == mode), "{mode:o}");
            }
            place.open(Access::ReadWrite, Trust::Vouched).expect("somebody vouches");
        }
        set(0o644).expect("it is ours");
        let words = "its mode is 0644, which permits more than its owner";
        assert_said(refusal(&place, Trust::OwnUser), words);
        set(0o700).expect("it is ours");
        place.open(Access::ReadWrite, Trust::OwnUser).expect("its owner may do what he wants");
    }
}

#[test]
fn the_file_of_another_user_is_refused_unless_somebody_vouches() {
    let folder = Folder::make();
    let place = good(folder.place("heap"));
    if chown(place.path(), Some(STRANGER), None).is_err() {
        left_out("files may not be given away here");
        return;
    }
    for refused in [refusal(&place, Trust::OwnUser), refusal_when_passed(&place)] {
        // It is our own uid that `/proc` says owns our entry there.
        let ours = fs::metadata("/proc/self").expect("it is there").uid();
        let is_right = |found, expected| (found, expected) == (STRANGER, ours);
        assert!(matches!(refused, Refused::Owner { found, expected } if is_right(found, expected)));
        assert_said(refused, &format!("it belongs to user 12345, and not to user {ours}"));
    }
    place.open(Access::ReadWrite, Trust::Vouched).expect("somebody vouches");
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = Folder::make();
    let [directory, pipe, socket] = ["directory", "pipe", "socket"].map(|name| folder.place(name));
    fs::create_dir(directory.path()).expect("a directory");
    make_pipe(&pipe).expect("a pipe");
    let _listener = UnixListener::bind(socket.path()).expect("a socket");
    let device = Place::of_path("/dev/zero".as_ref()).expect("a path");
    // Who waits for the other end of a pipe waits for ever, and is killed.
    let mut child = Child::fork(|| {
        for place in [&directory, &pipe, &socket, &device] {
            for trust in [Trust::OwnUser, Trust::Vouched] {
                assert!(matches!(refusal(place, trust), Refused::NotRegular), "{place:?}");
            }
        }
        for place in [&pipe, &device] {
            assert!(matches!(refusal_when_passed(place), Refused::NotRegular), "{place:?}");
        }
        assert_said(refusal(&pipe, Trust::OwnUser), "it is not a regular file");
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn an_empty_file_is_refused() {
    let folder = Folder::make();
    let place = good(folder.place("heap"));
    let file = OpenOptions::new().write(true).truncate(true).open(place.path());
    drop(file.expect("it is ours"));
    for trust in [Trust::OwnUser, Trust::Vouched] {
        assert!(matches!(refusal(&place, trust), Refused::Empty));
    }
    assert_said(refusal_when_passed(&place), "it is empty");
    let memory = file::memfd().expect("a file");
    file::seal(&memory).expect("it has no seals yet");
    assert!(matches!(passed(memory, Trust::OwnUser), Err(Refused::Empty)));
}

#[test]
fn memory_that_is_not_sealed_is_refused_whoever_vouches() {
    for trust in [Trust::OwnUser, Trust::Vouched] {
        let memory = file::memfd().expect("a file");
        file::make_private(&memory).expect("it is ours");
        file::reserve(&memory, BYTES).expect("memory");
        let refused = passed(memory, trust).expect_err("it can be shortened");
        assert!(matches!(refused, Refused::Unsealed));
        assert_said(refused, "it is not sealed against shrinking");
    }
}

#[test]
fn sealed_memory_that_is_passed_needs_no_mode() {
    let memory = file::memfd().expect("a file");
    memory.set_permissions(Permissions::from_mode(0o777)).expect("it is ours");
    file::reserve(&memory, BYTES).expect("memory");
    file::seal(&memory).expect("it has no seals yet");
    assert_eq!(passed(memory, Trust::OwnUser).expect("it is sealed").bytes(), BYTES);
}

#[test]
fn good_files_are_taken_when_they_are_passed() {
    let folder = Folder::make();
    let name = Name::invent();
    for place in [good(folder.place("heap")), good(name.place.clone())] {
        let open = || OpenOptions::new().read(true).write(true).open(place.path());
        let file = open().expect("it is ours");
        assert_eq!(passed(file, Trust::OwnUser).expect("it is ours").bytes(), BYTES);
        let file = open().expect("it is ours");
        place.unlink().expect("it is there");
        assert_eq!(passed(file, Trust::OwnUser).expect("it has no name").bytes(), BYTES);
    }
}

#[test]
fn what_the_descriptor_does_not_permit_is_refused_by_the_system() {
    let folder = Folder::make();
    let file = File::open(good(folder.place("heap")).path()).expect("it is ours");
    let refused = passed(file, Trust::OwnUser).expect_err("it is open to be read");
    let Refused::System(error) = &refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    assert!(refused.to_string().starts_with("the system refused it: "));
    assert!(core::error::Error::source(&refused).is_some());
}

fn make_pipe(place: &Place) -> io::Result<()> {
    let path = CString::new(place.path().into_os_string().into_vec())?;
    // SAFETY: the path ends in a zero, and is borrowed for as long as the call lasts.
    let result = unsafe { libc::mkfifo(path.as_ptr(), 0o600) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
