//! What is a name, and what is in a place.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::bytes::first;
use super::folder::{Folder, Name};
use crate::sys::draft::Draft;
use crate::sys::mapping::{Access, Memory};
use crate::sys::place::Place;
use crate::sys::refused::Refused;
use crate::sys::trusted::Trust;

const BYTES: usize = 10_000;

#[test]
fn a_name_is_a_file_in_dev_shm() {
    for name in ["heap", "/heap", ".heap", "...", "a heap\n"] {
        let place = Place::of_name(name.as_ref()).expect("it is a name");
        assert_eq!(place.path(), Path::new("/dev/shm").join(name.trim_start_matches('/')));
    }
    let longest = "x".repeat(255);
    assert!(Place::of_name(longest.as_ref()).is_ok());
    assert!(Place::of_name(format!("/{longest}").as_ref()).is_ok());
}

#[test]
fn what_is_no_name_is_refused() {
    let too_long = "x".repeat(256);
    for name in ["", "/", ".", "..", "/.", "/..", "a/b", "a/", "//a", "../a", "a\0b", &too_long] {
        let refused = Place::of_name(name.as_ref()).expect_err("it is no name");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name:?}");
    }
}

#[test]
fn a_path_that_ends_with_no_name_is_refused() {
    let too_long = "/tmp/".to_owned() + &"x".repeat(256);
    for path in ["", "/", "/tmp/..", "..", "/tmp/a\0b", &too_long] {
        let refused = Place::of_path(Path::new(path)).expect_err("it is no path of a file");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{path:?}");
    }
}

#[test]
fn a_relative_path_stays_where_it_was() {
    let place = Place::of_path(Path::new("some/heap")).expect("a path");
    let here = std::env::current_dir().expect("it is there");
    assert_eq!(place.path(), here.join("some/heap"));
}

#[test]
fn a_path_is_bytes() {
    let folder = Folder::make();
    let path = folder.path().join(OsStr::from_bytes(b"\xff\xfe heap"));
    let place = Place::of_path(&path).expect("a path");
    Draft::create(&place, BYTES).expect("room").publish().expect("nobody was first");
    assert_eq!(folder.entries(), [OsStr::from_bytes(b"\xff\xfe heap")]);
}

#[test]
fn what_is_published_is_opened_with_its_length() {
    let name = Name::invent();
    let draft = Draft::create(&name.place, BYTES).expect("room in memory");
    first(draft.memory()).store(7, core::sync::atomic::Ordering::Relaxed);
    let memory = draft.publish().expect("nobody was first");
    assert!(Path::new("/dev/shm").join(name.as_str()).exists());
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let opened = name.place.open(access, Trust::OwnUser).expect("it is ours");
        assert_eq!(opened.bytes(), BYTES);
        assert_eq!(inode_of(&opened), inode_of(&memory));
        assert_eq!(first(&opened).load(core::sync::atomic::Ordering::Relaxed), 7);
    }
}

#[test]
fn an_unlinked_file_is_nowhere_and_stays_with_those_who_have_it() {
    let name = Name::invent();
    let draft = Draft::create(&name.place, BYTES).expect("room in memory");
    let memory = draft.publish().expect("nobody was first");
    name.place.unlink().expect("it is there");
    assert!(is_missing(&name.place));
    assert_eq!(name.place.unlink().expect_err("it is gone").kind(), io::ErrorKind::NotFound);
    first(&memory).store(7, core::sync::atomic::Ordering::Relaxed);
    let second = Draft::create(&name.place, BYTES).expect("room in memory");
    let second = second.publish().expect("the name is free");
    assert_ne!(inode_of(&second), inode_of(&memory));
}

#[test]
fn a_file_with_holes_has_none_when_it_was_opened() {
    const LENGTH: u64 = 1 << 20;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let folder = Folder::make();
    let path = folder.path().join("heap");
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let file = file.expect("a file");
    file.set_len(LENGTH).expect("it may be long");
    let reserved = || file.metadata().expect("a status").blocks() * 512;
    assert_eq!(reserved(), 0);
    let place = folder.place("heap");
    place.open(Access::ReadOnly, Trust::OwnUser).expect("it is ours");
    assert_eq!(reserved(), 0);
    place.open(Access::ReadWrite, Trust::OwnUser).expect("it is ours");
    assert!(reserved() >= LENGTH);
}

pub(super) fn is_missing(place: &Place) -> bool {
    match place.open(Access::ReadWrite, Trust::OwnUser) {
        Err(Refused::System(error)) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Which file it is, of those on its device.
fn inode_of(memory: &Memory) -> u64 {
    memory.file().expect("a file").metadata().expect("a status").ino()
}
