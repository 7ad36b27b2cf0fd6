//! A file system with no room left.
#![expect(unsafe_code, reason = "mounts a file system that no other process sees")]

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::Ordering;
use std::ffi::{CStr, CString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use super::bytes::words;
use super::child::{Child, Ending, exit_at_once, limit};
use super::filter::Filter;
use super::folder::Folder;
use super::left_out::left_out;
use crate::sys::draft::Draft;
use crate::sys::mapping::{Access, Memory};
use crate::sys::place::Place;
use crate::sys::refused::Refused;
use crate::sys::trusted::Trust;

/// The bytes of the small file system.
const ROOM: usize = 1 << 20;

#[test]
fn a_full_file_system_is_an_error_and_nothing_is_left() {
    for create in [Draft::create, Draft::create_named] {
        on_a_small_file_system(|folder| {
            let place = folder.place("heap");
            // The second is more than what is reserved at once.
            for bytes in [ROOM + 1, 64 * ROOM] {
                let refused = create(&place, bytes).expect_err("there is not so much room");
                assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
                assert!(folder.entries().is_empty());
                assert_eq!(free_bytes(folder), ROOM);
            }
            create(&place, ROOM).expect("there is room").publish().expect("nobody was first");
            assert_eq!((folder.entries().len(), free_bytes(folder)), (1, 0));
        });
    }
}

#[test]
fn what_cannot_fit_is_not_tried_at_the_cost_of_others() {
    on_a_small_file_system(|folder| {
        // Who reserves as much as there is, until there is no more, comes upon this.
        limit(libc::RLIMIT_FSIZE, ROOM as u64 / 2);
        let refused = Draft::create(&folder.place("heap"), ROOM + 1).expect_err("too much");
        assert_eq!(refused.raw_os_error(), Some(libc::ENOSPC));
    });
}

#[test]
fn a_limit_of_the_size_of_files_is_an_error_and_nothing_is_left() {
    let create: [fn(&Place, usize) -> io::Result<()>; 3] = [
        |place, bytes| Draft::create(place, bytes).map(drop),
        |place, bytes| Draft::create_named(place, bytes).map(drop),
        |_, bytes| Memory::memfd(bytes).map(drop),
    ];
    for create in create {
        let folder = Folder::make();
        let mut child = Child::fork(|| {
            limit(libc::RLIMIT_FSIZE, ROOM as u64);
            // One byte more, and the system would end this process.
            let refused = create(&folder.place("heap"), ROOM + 1).expect_err("too much");
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
            create(&folder.place("heap"), ROOM).expect("as much as may be");
        });
        assert_eq!(child.end(), Ending::WELL);
        assert!(folder.entries().is_empty());
    }
}

#[test]
fn what_fails_half_way_leaves_nothing() {
    const HALF_WAY: u32 = 4 << 20;
    let refused =
        Filter { call: libc::SYS_fallocate, argument: 2, bits: HALF_WAY, refusal: libc::EIO };
    for create in [Draft::create, Draft::create_named] {
        let folder = Folder::make();
        let mut child = Child::fork(|| {
            create(&folder.place("heap"), 2 * HALF_WAY as usize).expect("there is room");
            assert!(refused.install(), "filters are not permitted here");
            create(&folder.place("heap"), HALF_WAY as usize).expect("the first half is reserved");
            let refused = create(&folder.place("heap"), 2 * HALF_WAY as usize);
            let error = refused.expect_err("the second half is refused");
            assert_eq!(error.raw_os_error(), Some(libc::EIO));
        });
        assert_eq!(child.end(), Ending::WELL);
        assert!(folder.entries().is_empty());
    }
}

#[test]
fn what_was_made_in_time_can_be_written_when_the_file_system_is_full() {
    for create in [Draft::create, Draft::create_named] {
        on_a_small_file_system(|folder| {
            let draft = create(&folder.place("heap"), ROOM / 2).expect("there is room");
            fs::write(folder.path().join("full"), vec![1; ROOM]).expect_err("that is too much");
            assert_eq!(free_bytes(folder), 0);
            words(draft.memory()).iter().for_each(|word| word.store(1, Ordering::Relaxed));
            draft.publish().expect("a name needs no room");
        });
    }
}

#[test]
fn a_file_with_holes_that_cannot_be_filled_is_refused() {
    on_a_small_file_system(|folder| {
        let place = folder.place("heap");
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place.path());
        file.expect("a file").set_len(2 * ROOM as u64).expect("it may be long");
        let refused = place.open(Access::ReadWrite, Trust::OwnUser).expect_err("it has holes");
        let Refused::System(error) = refused else { panic!("{refused}") };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    });
}

#[test]
fn more_than_a_file_may_have_is_an_error_where_there_is_no_bound() {
    on_a_file_system(c"size=0", |folder| {
        limit(libc::RLIMIT_FSIZE, ROOM as u64);
        let refused = Draft::create(&folder.place("heap"), usize::MAX).expect_err("too much");
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    });
}

fn on_a_small_file_system(body: impl FnOnce(&Folder)) {
    on_a_file_system(c"size=1M", body);
}

/// Calls `body` in a process that has a file system of memory in a folder.
fn on_a_file_system(options: &CStr, body: impl FnOnce(&Folder)) {
    /// No panic ends with it, and no body.
    const NOT_PERMITTED: i32 = 77;
    let folder = Folder::make();
    let mut child = Child::fork(|| match mount(&folder, options) {
        Ok(()) => body(&folder),
        Err(_) => exit_at_once(NOT_PERMITTED),
    });
    match child.end() {
        Ending::Exited(NOT_PERMITTED) => left_out("nothing may be mounted here"),
        ending => assert_eq!(ending, Ending::WELL),
    }
}

/// Mounts it for this process alone: it is gone when the process is.
fn mount(folder: &Folder, options: &CStr) -> io::Result<()> {
    enter_a_namespace()?;
    let (tmpfs, target) = (c"tmpfs".as_ptr(), CString::new(folder.path().as_os_str().as_bytes())?);
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let nothing = ptr::null();
    // SAFETY: the strings end in zeros, and are borrowed for as long as the call lasts.
    done(unsafe { libc::mount(nothing, c"/".as_ptr(), nothing, private, nothing.cast()) })?;
    // SAFETY: as above.
    done(unsafe { libc::mount(tmpfs, target.as_ptr(), tmpfs, 0, options.as_ptr().cast()) })
}

/// Makes a namespace of mounts for this process. Who is not root may be so in a user namespace.
fn enter_a_namespace() -> io::Result<()> {
    // SAFETY: the calls take nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    // SAFETY: as above.
    let group = unsafe { libc::getegid() };
    // SAFETY: the call takes a number, and its process has this thread alone.
    if unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0 {
        return Ok(());
    }
    // SAFETY: as above.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWUSER) })?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn free_bytes(folder: &Folder) -> usize {
    let path = CString::new(folder.path().as_os_str().as_bytes()).expect("a path");
    let mut status = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends in a zero, and there is room for what is written.
    done(unsafe { libc::statvfs(path.as_ptr(), status.as_mut_ptr()) }).expect("it is there");
    // SAFETY: written by the call above.
    let status = unsafe { status.assume_init() };
    (status.f_bfree * status.f_bsize) as usize
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
