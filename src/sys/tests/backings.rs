//! What memory without a name promises, by whatever call it was made.
#![expect(unsafe_code, reason = "asks the system about mappings, and unmaps some")]

use core::sync::atomic::Ordering;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::ptr::NonNull;

use super::bytes::{becomes, first, is_zeroed, words};
use super::child::{Child, Ending, limit};
use super::filter::Filter;
use super::folder::{Folder, Name};
use crate::sys::draft::Draft;
use crate::sys::mapping::{Access, Memory};
use crate::sys::trusted::Trust;

const BYTES: usize = 5 << 20;

/// Calls `look` with memory of every kind.
fn for_each_backing(look: impl Fn(&str, &Memory)) {
    let (folder, name) = (Folder::make(), Name::invent());
    let file = Draft::create(&folder.place("heap"), BYTES).expect("room for a file");
    let named = Draft::create(&name.place, BYTES).expect("room in memory");
    look("memfd", &Memory::memfd(BYTES).expect("memory"));
    look("anonymous", &Memory::map_anon(BYTES).expect("memory"));
    look("/dev/zero", &Memory::dev_zero(BYTES).expect("memory"));
    look("System V", &Memory::sys_v(BYTES).expect("memory"));
    look("draft", file.memory());
    look("file", &file.publish().expect("nobody was first"));
    look("name", &named.publish().expect("nobody was first"));
}

#[test]
fn all_memory_is_mapped_and_zeroed_and_can_be_written() {
    for_each_backing(|_, memory| {
        assert_eq!(memory.bytes(), BYTES);
        // The draft has been looked at before it was a file.
        assert!(is_zeroed(memory));
        words(memory).iter().for_each(|word| word.store(7, Ordering::Relaxed));
        words(memory).iter().for_each(|word| word.store(0, Ordering::Relaxed));
    });
}

#[test]
fn all_memory_is_shared_with_children() {
    for_each_backing(|kind, memory| {
        first(memory).store(1, Ordering::Relaxed);
        let mut child = Child::fork(|| {
            assert!(becomes(memory, 2));
            first(memory).store(3, Ordering::Release);
        });
        first(memory).store(2, Ordering::Release);
        assert!(becomes(memory, 3), "{kind}");
        assert_eq!(child.end(), Ending::WELL);
    });
}

#[test]
fn all_memory_can_be_mapped_twice() {
    for_each_backing(|kind, memory| {
        let elsewhere = memory.map_elsewhere().expect("an address");
        assert_ne!(memory.start(), elsewhere.start());
        first(&elsewhere).store(9, Ordering::Relaxed);
        assert_eq!(first(memory).swap(0, Ordering::Relaxed), 9, "{kind}");
    });
}

#[test]
fn dropped_memory_is_gone_and_no_other() {
    for_each_backing(|kind, memory| {
        // In a process of its own, where no other thread maps anything meanwhile.
        let mut child = Child::fork(|| {
            let elsewhere = memory.map_elsewhere().expect("an address");
            let start = elsewhere.start();
            assert!(is_mapped(start), "{kind}");
            drop(elsewhere);
            assert!(!is_mapped(start) && is_mapped(memory.start()), "{kind}");
        });
        assert_eq!(child.end(), Ending::WELL);
    });
}

#[test]
fn no_memory_is_made_of_nothing() {
    for made in [Memory::memfd(0), Memory::map_anon(0), Memory::dev_zero(0), Memory::sys_v(0)] {
        assert_eq!(made.expect_err("no bytes").kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn more_than_there_are_addresses_is_an_error() {
    const LARGEST_FILE: libc::rlim_t = 64 << 20;
    for bytes in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 2] {
        let mut child = Child::fork(|| {
            // One that tries to reserve so much comes upon this, and not upon want of memory.
            limit(libc::RLIMIT_FSIZE, LARGEST_FILE);
            for make in [Memory::memfd, Memory::map_anon, Memory::dev_zero, Memory::sys_v] {
                let refused = make(bytes).expect_err("there are not so many");
                assert_ne!(refused.kind(), io::ErrorKind::FileTooLarge);
            }
        });
        assert_eq!(child.end(), Ending::WELL);
    }
}

#[test]
fn signals_do_not_keep_memory_from_being_reserved() {
    const LONG: u32 = !((8 << 20) - 1);
    // For a kernel that undoes long calls when a signal comes, and a signal that always does.
    let interrupted =
        Filter { call: libc::SYS_fallocate, argument: 3, bits: LONG, refusal: libc::EINTR };
    let mut child = Child::fork(|| {
        assert!(interrupted.install(), "filters are not permitted here");
        assert!(is_zeroed(&Memory::memfd(4 * BYTES).expect("memory")));
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn nobody_can_change_the_length_of_a_memfd() {
    let memory = Memory::memfd(BYTES).expect("memory");
    let file = file_of(&memory);
    for length in [0, BYTES as u64 / 2, BYTES as u64 * 2] {
        let refused = file.set_len(length).expect_err("it is sealed");
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
    assert!(memory.is_whole().expect("it has a status"));
    let unsealed = crate::sys::file::memfd().expect("a file");
    crate::sys::file::seal(&file).expect_err("seals are sealed");
    crate::sys::file::seal(&unsealed).expect("it has no seals yet");
}

#[test]
fn a_memfd_is_its_owners_alone_and_is_reserved() {
    let memory = Memory::memfd(BYTES).expect("memory");
    let status = file_of(&memory).metadata().expect("a status");
    assert_eq!(status.mode() & 0o7777, 0o600);
    assert_eq!((status.len(), status.blocks() * 512), (BYTES as u64, BYTES as u64));
}

#[test]
fn a_memfd_that_is_passed_on_is_the_same_memory() {
    let memory = Memory::memfd(BYTES).expect("memory");
    for (number, trust) in [(5, Trust::OwnUser), (6, Trust::Vouched)] {
        let passed = Memory::from_fd(descriptor_of(&memory), Access::ReadWrite, trust);
        let passed = passed.expect("it is sealed");
        assert_eq!(passed.bytes(), BYTES);
        first(&passed).store(number, Ordering::Relaxed);
        assert_eq!(first(&memory).load(Ordering::Relaxed), number);
    }
}

#[test]
fn memory_to_be_read_cannot_be_written() {
    let memory = Memory::memfd(BYTES).expect("memory");
    first(&memory).store(5, Ordering::Relaxed);
    let passed = Memory::from_fd(descriptor_of(&memory), Access::ReadOnly, Trust::OwnUser);
    let passed = passed.expect("it is sealed");
    let again = passed.map_elsewhere().expect("an address");
    for memory in [&passed, &again] {
        assert_eq!(first(memory).load(Ordering::Relaxed), 5);
        let mut child = Child::fork(|| first(memory).store(6, Ordering::Relaxed));
        assert_eq!(child.end(), Ending::Killed(libc::SIGSEGV));
    }
}

#[test]
fn a_segment_of_system_v_is_gone_when_nobody_has_it() {
    const UNLIKELY_BYTES: usize = 123_457;
    /// 0600, and `SHM_DEST`: it goes with the last who has it.
    const MODE: &str = "1600";
    let modes = || -> Vec<String> {
        let text = std::fs::read_to_string("/proc/sysvipc/shm").expect("System V is there");
        let ours = [UNLIKELY_BYTES.to_string(), std::process::id().to_string()];
        let lines = text.lines().map(|line| line.split_ascii_whitespace().skip(2));
        let lines = lines.map(|fields| fields.take(3).map(str::to_owned).collect::<Vec<_>>());
        lines.filter(|fields| fields[1..] == ours).map(|mut fields| fields.remove(0)).collect()
    };
    // Who is forked by another test meanwhile would have it, too.
    let mut child = Child::fork(|| {
        let memory = Memory::sys_v(UNLIKELY_BYTES).expect("memory");
        assert_eq!(modes(), [MODE]);
        drop(memory);
        assert!(modes().is_empty());
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn memory_that_may_not_be_locked_is_an_error() {
    let memory = Memory::memfd(BYTES).expect("memory");
    let mut child = Child::fork(|| {
        limit(libc::RLIMIT_MEMLOCK, 0);
        // SAFETY: the call takes a number; root may lock whatever it wants.
        unsafe { libc::seteuid(65_534) };
        let refused = memory.lock_in_memory().expect_err("nothing may be locked");
        assert!(matches!(refused.raw_os_error(), Some(libc::EPERM | libc::ENOMEM)));
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn locked_memory_is_counted_as_locked() {
    let memory = Memory::memfd(BYTES).expect("memory");
    let mut child = Child::fork(|| {
        memory.lock_in_memory().expect("a few megabytes");
        let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
        let line = status.lines().find(|line| line.starts_with("VmLck:")).expect("it is counted");
        assert!(line.contains(&format!(" {} kB", BYTES >> 10)), "{line}");
    });
    assert_eq!(child.end(), Ending::WELL);
}

#[test]
fn huge_pages_are_advised_where_there_are_any() {
    let memory = Memory::memfd(BYTES).expect("memory");
    let known = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
    assert_eq!(memory.advise_huge_pages().is_ok(), known);
    if known {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("it is there");
        let start = format!("{:08x}-", memory.start().addr());
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let flags = lines.find(|line| line.starts_with("VmFlags:")).expect("it has flags");
        assert!(flags.contains(" hg"), "{flags}");
    }
}

#[test]
fn a_file_that_lost_its_end_is_not_whole() {
    let folder = Folder::make();
    let draft = Draft::create(&folder.place("heap"), BYTES).expect("room for a file");
    let memory = draft.publish().expect("nobody was first");
    assert!(memory.is_whole().expect("a status"));
    let file = file_of(&memory);
    file.write_at(b"more", BYTES as u64).expect("room at the end");
    assert!(memory.is_whole().expect("a status"));
    file.set_len(BYTES as u64 - 1).expect("it is not sealed");
    assert!(!memory.is_whole().expect("a status"));
}

fn descriptor_of(memory: &Memory) -> OwnedFd {
    let descriptor = memory.descriptor().expect("it has a file");
    descriptor.try_clone_to_owned().expect("a descriptor")
}

fn file_of(memory: &Memory) -> File {
    File::from(descriptor_of(memory))
}

fn is_mapped(start: NonNull<u8>) -> bool {
    // SAFETY: the call looks at addresses and touches no memory; one byte stands for its page.
    unsafe { libc::msync(start.as_ptr().cast(), 1, libc::MS_ASYNC) == 0 }
}
