//! What `HeapOptions` ask of the system, and what the system says that it has done.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "limits a process")]

mod bounded;
mod scratch;

use std::alloc::Layout;
use std::path::Path;
use std::{fs, io};

use aquifer::{AttachError, Backing, HeapOptions, SharedHeap};
use bounded::{Child, left_out};
use scratch::Scratch;

fn backings(scratch: &Scratch) -> [Backing; 6] {
    let named = [Backing::File(scratch.file("heap")), scratch.posix("heap")];
    let [file, posix] = named;
    [Backing::Memfd, Backing::MapAnon, Backing::DevZero, Backing::SysV, file, posix]
}

/// What the system says of the mapping in which a heap lies: whose memory it is, its line of flags, and how much
/// of it is locked.
#[derive(Debug)]
struct Mapping {
    name: String,
    flags: String,
    locked_kib: u64,
}

impl Mapping {
    fn of(heap: &SharedHeap) -> Self {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let address = heap.alloc_layout(Layout::new::<u64>()).unwrap().addr().get();
        let mut lines = maps.lines().skip_while(|line| !holds(line, address));
        let first = lines.next().expect("a heap lies in a mapping");
        let name = first.split_once('/').map_or("", |(_, name)| name).to_owned();
        let mut field = |name| {
            let line = lines.find_map(|line: &str| line.strip_prefix(name));
            line.expect("a mapping has this field").trim()
        };
        let locked_kib = field("Locked:").trim_end_matches(" kB").parse().unwrap();
        Self { name, flags: field("VmFlags:").into(), locked_kib }
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.split(' ').any(|is| is == flag)
    }
}

/// Whether a line is the first one of the mapping in which an address lies.
fn holds(line: &str, address: usize) -> bool {
    let range = line.split(' ').next().and_then(|range| range.split_once('-'));
    let number = |hex| usize::from_str_radix(hex, 16).ok();
    let ends = range.and_then(|(start, end)| Some(number(start)?..number(end)?));
    ends.is_some_and(|ends| ends.contains(&address))
}

/// Whether the system says that this process may not lock so much.
fn is_of_limit(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOMEM | libc::EAGAIN))
}

#[test]
fn huge_pages_are_asked_for_where_they_are_wanted() {
    if !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        left_out("the system has no huge pages");
        return;
    }
    for is_wanted in [true, false] {
        let scratch = Scratch::new();
        for backing in backings(&scratch) {
            let options = HeapOptions::new(4 << 20).huge_pages(is_wanted);
            let mapping = Mapping::of(&options.create(&backing).unwrap());
            assert_eq!(mapping.has("hg"), is_wanted, "{backing:?}: {mapping:?}");
            assert!(!mapping.has("lo"), "{backing:?}: {mapping:?}");
        }
    }
}

#[test]
#[cfg_attr(asan, ignore = "the sanitizer makes `mlock` do nothing")]
fn a_heap_is_locked_in_memory_where_it_is_to_be() {
    for is_wanted in [true, false] {
        let scratch = Scratch::new();
        for backing in backings(&scratch) {
            let options = HeapOptions::new(64 << 10).participants(4).lock_in_memory(is_wanted);
            let heap = match options.create(&backing) {
                Err(AttachError::System(error)) if is_wanted && is_of_limit(&error) => {
                    left_out(&format!("nothing may be locked here: {error}"));
                    return;
                }
                made => made.unwrap(),
            };
            let mapping = Mapping::of(&heap);
            let seen = (mapping.has("lo"), mapping.locked_kib > 0);
            assert_eq!(seen, (is_wanted, is_wanted), "{backing:?}: {mapping:?}");
            assert!(!mapping.has("hg"), "{backing:?}: {mapping:?}");
        }
    }
}

/// Opens a heap that has a name and that somebody else has made: one that is attached here stays as it is.
fn opened(options: &HeapOptions, backing: &Backing) -> Result<SharedHeap, AttachError> {
    let maker = Child::start(|| _ = HeapOptions::new(4 << 20).create(backing).unwrap());
    assert_eq!(maker.end(), 0);
    options.open_or_create(backing)
}

#[test]
fn huge_pages_are_asked_for_in_a_heap_that_is_there_already() {
    if !Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
        left_out("the system has no huge pages");
        return;
    }
    for is_wanted in [true, false] {
        let scratch = Scratch::new();
        let options = HeapOptions::new(1 << 20).huge_pages(is_wanted);
        for backing in [Backing::File(scratch.file("heap")), scratch.posix("heap")] {
            let mapping = Mapping::of(&opened(&options, &backing).unwrap());
            assert_eq!(mapping.has("hg"), is_wanted, "{backing:?}: {mapping:?}");
        }
    }
}

#[test]
#[cfg_attr(asan, ignore = "the sanitizer makes `mlock` do nothing")]
fn a_heap_that_is_there_already_is_locked_in_memory_where_it_is_to_be() {
    for is_wanted in [true, false] {
        let scratch = Scratch::new();
        let options = HeapOptions::new(1 << 20).lock_in_memory(is_wanted);
        for backing in [Backing::File(scratch.file("heap")), scratch.posix("heap")] {
            let heap = match opened(&options, &backing) {
                Err(AttachError::System(error)) if is_wanted && is_of_limit(&error) => {
                    left_out(&format!("nothing may be locked here: {error}"));
                    return;
                }
                found => found.unwrap(),
            };
            let mapping = Mapping::of(&heap);
            let seen = (mapping.has("lo"), mapping.locked_kib > 0);
            assert_eq!(seen, (is_wanted, is_wanted), "{backing:?}: {mapping:?}");
        }
    }
}

#[test]
fn each_backing_has_memory_of_its_own_kind() {
    let scratch = Scratch::new();
    let directory = scratch.path().to_str().unwrap().trim_start_matches('/').to_owned();
    // The system has memory of one kind for both of the two that are called alike.
    let names = ["memfd:", "dev/zero", "dev/zero", "SYSV", &directory, "dev/shm/"];
    for (backing, name) in backings(&scratch).iter().zip(names) {
        let mapping = Mapping::of(&SharedHeap::create(backing, 1 << 20).unwrap());
        assert!(mapping.name.starts_with(name), "{backing:?}: {mapping:?}");
    }
}

#[test]
fn anonymous_memory_takes_no_descriptor_and_that_of_the_device_does() {
    let without_descriptors = Child::start(|| {
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the limit is borrowed for as long as the call lasts.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        SharedHeap::create(&Backing::MapAnon, 1 << 20).unwrap();
        match SharedHeap::create(&Backing::DevZero, 1 << 20) {
            Err(AttachError::System(error)) => assert_eq!(error.raw_os_error(), Some(libc::EMFILE)),
            made => panic!("{made:?}"),
        }
    });
    assert_eq!(without_descriptors.end(), 0);
}
