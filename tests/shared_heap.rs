//! What a `SharedHeap` promises: by whom it is found, what is refused, and that it is the same for all.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "forks, and opens what others may write to")]

mod bounded;
mod scratch;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};
use std::{fs, thread};

use aquifer::{
    AttachError, Backing, HeapOptions, HeapView, InsertError, Root, RootError, SharedHeap, ShmBox,
    ShmMutex, ShmSafe, ShmVec,
};
use bounded::{Child, in_time, is_killed};
use scratch::Scratch;

const MIB: usize = 1 << 20;

fn heap() -> SharedHeap {
    SharedHeap::create(&Backing::Memfd, MIB).unwrap()
}

fn counter(heap: &SharedHeap) -> Root<AtomicU64> {
    heap.root_or_insert_with("counter", || AtomicU64::new(0)).unwrap()
}

#[test]
fn every_backing_is_shared_with_children() {
    in_time(|| {
        let scratch = Scratch::new();
        let named = [Backing::File(scratch.file("heap")), scratch.posix("heap")];
        let nameless = [Backing::Memfd, Backing::MapAnon, Backing::DevZero, Backing::SysV];
        for backing in nameless.into_iter().chain(named) {
            let heap = SharedHeap::create(&backing, MIB).unwrap();
            let counter = counter(&heap);
            let add = || _ = counter.fetch_add(1, Ordering::Relaxed);
            let children = [(); 3].map(|()| Child::start(add));
            children.into_iter().for_each(|child| assert_eq!(child.end(), 0));
            assert_eq!(counter.load(Ordering::Relaxed), 3, "{backing:?}");
            heap.check().unwrap();
        }
    });
}

#[test]
fn a_name_leads_to_one_heap_until_it_is_unlinked() {
    in_time(|| {
        let scratch = Scratch::new();
        for backing in [Backing::File(scratch.file("heap")), scratch.posix("heap")] {
            assert!(matches!(SharedHeap::open(&backing), Err(AttachError::NotFound)));
            let heap = SharedHeap::create(&backing, MIB).unwrap();
            assert!(matches!(SharedHeap::create(&backing, MIB), Err(AttachError::Exists)));
            counter(&heap).store(7, Ordering::Relaxed);
            let again = SharedHeap::open_or_create(&backing, 2 * MIB).unwrap();
            let found = again.root::<AtomicU64>("counter").unwrap();
            assert_eq!(found.load(Ordering::Relaxed), 7);
            // In one process there is one mapping of it.
            assert!(std::ptr::eq(Root::leak(found), Root::leak(counter(&heap))));
            SharedHeap::unlink(&backing).unwrap();
            assert!(matches!(SharedHeap::open(&backing), Err(AttachError::NotFound)));
            assert!(matches!(SharedHeap::unlink(&backing), Err(AttachError::NotFound)));
            assert_eq!(counter(&heap).load(Ordering::Relaxed), 7, "who has it keeps it");
        }
        assert!(matches!(SharedHeap::open(&Backing::Memfd), Err(AttachError::NotFound)));
    });
}

#[test]
fn a_copy_of_a_file_is_not_taken_for_the_heap_itself() {
    in_time(|| {
        let scratch = Scratch::new();
        let heap = SharedHeap::create(&Backing::File(scratch.file("heap")), MIB).unwrap();
        fs::copy(scratch.file("heap"), scratch.file("copy")).unwrap();
        let copy = Backing::File(scratch.file("copy"));
        // Nor by a process that has not attached that.
        let open = || assert!(matches!(SharedHeap::open(&copy), Err(AttachError::Copied)));
        open();
        assert_eq!(Child::start(open).end(), 0);
        let view = HeapView::open(&copy).unwrap();
        view.check().unwrap();
        assert_eq!(
            view.report().unwrap().stats.participants,
            0,
            "who has the heap has not the copy"
        );
        heap.check().unwrap();
        // The number of an inode comes again, when nobody has the file any more, and its time does not.
        let (path, backing) = scratch.file_backing("other");
        assert_eq!(Child::start(|| _ = SharedHeap::create(&backing, MIB).unwrap()).end(), 0);
        fs::copy(&path, scratch.file("copy")).unwrap();
        fs::remove_file(&path).unwrap();
        fs::copy(scratch.file("copy"), &path).unwrap();
        if fs::metadata(&path).unwrap().created().is_ok() {
            assert!(matches!(SharedHeap::open(&backing), Err(AttachError::Copied)));
        }
    });
}

#[test]
fn a_heap_whose_number_another_has_that_is_attached_is_refused() {
    /// Where the head of a heap has its number, in bytes from its start.
    const NUMBER: usize = 32;

    in_time(|| {
        let scratch = Scratch::new();
        let (path, backing) = scratch.file_backing("heap");
        let heap = SharedHeap::create(&backing, MIB).unwrap();
        let (other_path, other) = scratch.file_backing("other");
        assert_eq!(Child::start(|| _ = SharedHeap::create(&other, MIB).unwrap()).end(), 0);
        let number = &fs::read(&path).unwrap()[NUMBER..NUMBER + 4];
        let file = OpenOptions::new().write(true).open(&other_path).unwrap();
        file.write_all_at(number, NUMBER as u64).unwrap();
        drop(file);
        let opened = [SharedHeap::open(&other), SharedHeap::open_or_create(&other, MIB)];
        let is_refused = |opened: &_| matches!(opened, Err(AttachError::NumberTaken));
        assert!(opened.iter().all(is_refused), "{opened:?}");
        assert_eq!(traces(&other_path), 0);
        heap.check().unwrap();
        // SAFETY: nobody uses it.
        unsafe { heap.detach() };
        // Nothing else is wrong with the other.
        SharedHeap::open(&other).unwrap().check().unwrap();
        assert_eq!(traces(&other_path), 2);
    });
}

/// How many mappings and descriptors of a file this process has.
fn traces(path: &Path) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.ends_with(path.to_str().unwrap()));
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    let is_of_it = |link: &PathBuf| fs::read_link(link).is_ok_and(|target| target == path);
    mapped.count() + descriptors.map(|entry| entry.unwrap().path()).filter(is_of_it).count()
}

#[test]
fn a_heap_that_is_left_or_refused_leaves_no_trace() {
    in_time(|| {
        let scratch = Scratch::new();
        let path = scratch.file("heap");
        let backing = Backing::File(path.clone());
        // It has no name here that a new file has: somebody else makes it.
        assert_eq!(Child::start(|| _ = SharedHeap::create(&backing, MIB).unwrap()).end(), 0);
        let heap = SharedHeap::open(&backing).unwrap();
        assert_eq!(traces(&path), 2);
        // SAFETY: nobody uses it.
        unsafe { heap.detach() };
        assert_eq!(traces(&path), 0);
        // Its first word says what it is.
        fs::write(&path, vec![7; MIB]).unwrap();
        assert!(matches!(SharedHeap::open(&backing), Err(AttachError::NoHeap)));
        assert!(matches!(HeapView::open(&backing), Err(AttachError::NoHeap)));
        assert_eq!(traces(&path), 0);
    });
}

/// How much address space this process takes.
fn mapped_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn a_heap_that_nobody_can_join_leaves_no_trace() {
    in_time(|| {
        let scratch = Scratch::new();
        let path = scratch.file("heap");
        let backing = Backing::File(path.clone());
        let full = HeapOptions::new(MIB).participants(1);
        let (made, go) = (heap(), counter(&heap()));
        let ready = counter(&made);
        let owner = Child::start(|| {
            let _heap = full.create(&backing).unwrap();
            ready.store(1, Ordering::Release);
            while go.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
        });
        while ready.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        assert!(matches!(SharedHeap::open(&backing), Err(AttachError::NotJoined(_))));
        assert_eq!(traces(&path), 0);
        let asker = Child::start(|| {
            let ask = || assert!(SharedHeap::open(&backing).is_err());
            (0..500).for_each(|_| ask());
            let before = mapped_bytes();
            (0..500).for_each(|_| ask());
            // AddressSanitizer keeps what is freed.
            assert!(cfg!(asan) || mapped_bytes() < before + MIB as u64);
        });
        assert_eq!(asker.end(), 0);
        owner.kill();
        owner.end();
        SharedHeap::open(&backing).unwrap();
    });
}

#[test]
#[cfg_attr(asan, ignore = "it has mapped more than a limit could leave")]
fn a_heap_that_its_maker_cannot_join_is_not_made() {
    let scratch = Scratch::new();
    let path = scratch.file("heap");
    let backing = Backing::File(path.clone());
    // In a process of its own, which gets a little more memory each time: first there is none for the heap, then
    // none for the thread by which others see that its maker lives.
    let maker = Child::start(|| {
        let limit = |bytes| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: it reads the limit.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        };
        let before = mapped_bytes();
        for more in (0..).step_by(4096) {
            limit(mapped_bytes() + more);
            let made = SharedHeap::create(&backing, MIB);
            limit(libc::RLIM_INFINITY);
            if made.is_ok() {
                break;
            }
            assert!(!path.exists() && mapped_bytes() < before + MIB as u64, "{more}: {made:?}");
        }
    });
    assert_eq!(maker.end(), 0);
}

#[test]
fn of_many_who_open_or_create_all_get_the_same() {
    in_time(|| {
        let scratch = Scratch::new();
        for round in 0..50 {
            let backing = Backing::File(scratch.file(&format!("heap {round}")));
            let come = || {
                let heap = SharedHeap::open_or_create(&backing, MIB).unwrap();
                counter(&heap).fetch_add(1, Ordering::Relaxed);
            };
            let children = [(); 4].map(|()| Child::start(come));
            thread::scope(|scope| (0..2).for_each(|_| _ = scope.spawn(come)));
            children.into_iter().for_each(|child| assert_eq!(child.end(), 0));
            let heap = SharedHeap::open(&backing).unwrap();
            assert_eq!(counter(&heap).load(Ordering::Relaxed), 6);
        }
    });
}

#[test]
fn threads_that_open_a_heap_at_once_take_one_slot() {
    in_time(|| {
        let scratch = Scratch::new();
        let backing = Backing::File(scratch.file("heap"));
        let make = || _ = HeapOptions::new(MIB).participants(1).create(&backing).unwrap();
        assert_eq!(Child::start(make).end(), 0);
        let open = || {
            let all = Barrier::new(4);
            thread::scope(|scope| {
                let open = || {
                    all.wait();
                    SharedHeap::open(&backing).map(drop)
                };
                let opened = [(); 4].map(|()| scope.spawn(open));
                opened.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
            });
        };
        (0..50).for_each(|_| assert_eq!(Child::start(open).end(), 0));
    });
}

#[test]
fn a_descriptor_that_is_passed_leads_to_the_heap() {
    let heap = heap();
    counter(&heap).store(5, Ordering::Relaxed);
    // SAFETY: it is used as a heap only.
    let descriptor = unsafe { heap.as_fd() }.unwrap().try_clone_to_owned().unwrap();
    let found = SharedHeap::from_fd(descriptor).unwrap();
    assert_eq!(counter(&found).load(Ordering::Relaxed), 5);
    let anonymous = SharedHeap::create(&Backing::MapAnon, MIB).unwrap();
    // SAFETY: there is none.
    assert!(unsafe { anonymous.as_fd() }.is_none());
    let pipe: OwnedFd = std::io::pipe().unwrap().0.into();
    assert!(matches!(SharedHeap::from_fd(pipe), Err(AttachError::NotAFile)));
}

#[test]
fn what_is_not_this_users_alone_is_refused() {
    let scratch = Scratch::new();
    let (path, backing) = scratch.file_backing("heap");
    SharedHeap::create(&backing, MIB).unwrap();
    for mode in [0o644, 0o660, 0o604] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = SharedHeap::open(&backing);
        assert!(matches!(refused, Err(AttachError::WideMode { .. })), "{refused:?}");
    }
    // SAFETY: nobody writes to it.
    unsafe { SharedHeap::open_shared(&backing) }.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let wide = scratch.posix("wide");
    // SAFETY: nobody else writes to it.
    unsafe { HeapOptions::new(MIB).mode(0o660) }.create(&wide).unwrap();
    assert!(matches!(SharedHeap::open(&wide), Err(AttachError::WideMode { found: 0o660 })));
    assert!(matches!(HeapView::open(&wide), Err(AttachError::WideMode { found: 0o660 })));
    // SAFETY: nobody else writes to it.
    let again = unsafe { HeapOptions::new(MIB).mode(0o660) }.open_or_create(&wide).unwrap();
    // SAFETY: it is used as a heap only.
    let descriptor = || unsafe { again.as_fd() }.unwrap().try_clone_to_owned().unwrap();
    assert!(matches!(SharedHeap::from_fd(descriptor()), Err(AttachError::WideMode { .. })));
    // SAFETY: as above.
    unsafe { SharedHeap::from_fd_shared(descriptor()) }.unwrap().check().unwrap();
    // SAFETY: as above.
    unsafe { HeapView::open_shared(&wide) }.unwrap().check().unwrap();
    // SAFETY: as above.
    unsafe { HeapView::from_fd_shared(descriptor()) }.unwrap().check().unwrap();
    let (link, by_link) = scratch.file_backing("link");
    symlink(&path, link).unwrap();
    assert!(matches!(SharedHeap::open(&by_link), Err(AttachError::Symlink)));
    let directory = Backing::File(scratch.path().into());
    assert!(matches!(SharedHeap::open(&directory), Err(AttachError::NotAFile)));
}

#[test]
fn what_is_no_heap_or_another_kind_of_heap_is_refused() {
    /// Where the head of a heap has these, in bytes from its start.
    const PLACES: [usize; 5] = [8, 12, 16, 20, 56];
    let scratch = Scratch::new();
    let open_changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (path, backing) = scratch.file_backing(name);
        // In a process of its own, since this one would find the heap by its number.
        let child = Child::start(|| _ = SharedHeap::create(&backing, MIB).unwrap());
        assert_eq!(child.end(), 0);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        SharedHeap::open(&backing).unwrap_err()
    };
    let [order, format, pointer, page, boot] =
        PLACES.map(|place| move |bytes: &mut Vec<u8>| bytes[place] ^= 0x40);
    let error = open_changed("cut off", &|bytes| bytes.truncate(MIB / 2));
    assert!(matches!(error, AttachError::Length { .. }), "{error:?}");
    assert!(matches!(open_changed("empty", &|bytes| bytes.clear()), AttachError::NoHeap));
    assert!(matches!(open_changed("short", &|bytes| bytes.truncate(100)), AttachError::NoHeap));
    assert!(matches!(open_changed("other", &|bytes| bytes[0] ^= 1), AttachError::NoHeap));
    assert!(matches!(
        open_changed("turned", &|bytes| bytes[..8].reverse()),
        AttachError::ByteOrder
    ));
    assert!(matches!(open_changed("order", &order), AttachError::ByteOrder));
    let error = open_changed("format", &format);
    let AttachError::Format { found, expected } = error else { panic!("{error:?}") };
    assert_eq!(found ^ expected, 0x40);
    assert!(matches!(open_changed("pointer", &pointer), AttachError::PointerBytes { .. }));
    assert!(matches!(open_changed("page", &page), AttachError::PageBytes { .. }));
    assert!(matches!(open_changed("boot", &boot), AttachError::OtherBoot));
}

#[test]
fn sizes_at_the_edges_are_refused_with_the_minimum() {
    let create = |bytes, participants| {
        HeapOptions::new(bytes).participants(participants).create(&Backing::MapAnon)
    };
    let Err(AttachError::TooSmall { minimum }) = create(0, 8) else { panic!() };
    assert!(matches!(create(minimum - 1, 8), Err(AttachError::TooSmall { .. })));
    let heap = create(minimum, 8).unwrap();
    assert_eq!(*ShmBox::new_in(7_u8, &heap).unwrap(), 7);
    for (bytes, participants) in [(MIB, 4096), (usize::MAX, 8), (1 << 45, 8)] {
        let refused = create(bytes, participants);
        assert!(matches!(refused, Err(AttachError::TooLarge)), "{refused:?}");
    }
}

#[test]
fn what_has_no_name_or_no_directory_is_refused() {
    let scratch = Scratch::new();
    for name in ["", "/", "a/b", "//a", ".", "..", &"x".repeat(256)] {
        let backing = Backing::Posix(name.into());
        assert!(matches!(SharedHeap::create(&backing, MIB), Err(AttachError::Name)), "{name:?}");
        assert!(matches!(SharedHeap::open(&backing), Err(AttachError::Name)), "{name:?}");
    }
    let backing = Backing::File(scratch.file("absent/heap"));
    assert!(matches!(SharedHeap::open(&backing), Err(AttachError::NotFound)));
    let is_of_the_system = |refused: Result<SharedHeap, AttachError>| match refused {
        Err(AttachError::System(error)) => error.kind() == ErrorKind::NotFound,
        _ => false,
    };
    assert!(is_of_the_system(SharedHeap::create(&backing, MIB)));
    assert!(is_of_the_system(SharedHeap::open_or_create(&backing, MIB)));
}

/// Has a process make the root "one", removes it, and kills the process: nobody is left who has found it.
fn leave_a_removed_root<T: ShmSafe + Sync>(heap: &SharedHeap, make: impl FnOnce() -> T) {
    let is_made = heap.root_or_insert_with("is made", || AtomicU64::new(0)).unwrap();
    let maker = Child::start(|| {
        heap.root_or_insert_with("one", make).unwrap();
        is_made.store(1, Ordering::Relaxed);
        loop {
            thread::park();
        }
    });
    while is_made.load(Ordering::Relaxed) == 0 {
        thread::yield_now();
    }
    heap.remove_root::<T>("one").unwrap();
    assert!(heap.roots().unwrap().iter().any(|root| root.is_removed));
    maker.kill();
    maker.end();
}

#[test]
fn a_removed_root_makes_room_for_another_once_who_has_found_it_is_dead() {
    type Large = [u8; 150 << 10];
    in_time(|| {
        let heap = SharedHeap::create(&Backing::Memfd, 256 << 10).unwrap();
        leave_a_removed_root(&heap, || -> Large { [1; 150 << 10] });
        let other = || heap.root_or_insert_with("other", || -> Large { [2; 150 << 10] });
        assert_eq!(other().unwrap()[0], 2);
        heap.check().unwrap();
    });
}

#[test]
fn a_removed_root_that_panics_as_it_makes_room_costs_no_value() {
    #[derive(ShmSafe)]
    #[repr(C)]
    struct Bomb([u8; 150 << 10]);

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly()
        }
    }

    #[derive(ShmSafe)]
    #[repr(C)]
    struct Owner(ShmBox<AtomicU64>, [u8; 150 << 10]);

    in_time(|| {
        let heap = SharedHeap::create(&Backing::Memfd, 256 << 10).unwrap();
        leave_a_removed_root(&heap, || Bomb([1; 150 << 10]));
        let insert = || {
            let boxed = ShmBox::new_in(AtomicU64::new(7), &heap).unwrap();
            heap.root_or_insert_with("other", || Owner(boxed, [2; 150 << 10])).map(drop)
        };
        assert!(catch_unwind(AssertUnwindSafe(insert)).is_err());
        assert_eq!(heap.stats().used_blocks, 1, "the root by which it was told that there is one");
        insert().unwrap();
        heap.check().unwrap();
    });
}

/// A type as one program has it, and as another does.
mod first {
    #[derive(aquifer::ShmSafe, Debug)]
    #[repr(C)]
    pub(crate) struct Config {
        pub(crate) size: u32,
    }
}

mod second {
    #[derive(aquifer::ShmSafe, Debug)]
    #[repr(C)]
    pub(crate) struct Config {
        pub(crate) size: u64,
    }
}

#[test]
fn roots_are_found_by_name_and_type() {
    let heap = heap();
    assert!(matches!(heap.root::<u64>("a"), Err(RootError::NotFound)));
    let first = heap.root_or_insert_with("a", || 7_u64).unwrap();
    let second = heap.root_or_insert_with("a", || -> u64 { unreachable!() }).unwrap();
    assert_eq!((*first, *second), (7, 7));
    let other = heap.root::<i64>("a").unwrap_err();
    assert_eq!(other.to_string(), "the root is of type u64, and not i64");
    heap.root_or_insert_with("of the first version", || first::Config { size: 1 }).unwrap();
    let other = heap.root::<second::Config>("of the first version").unwrap_err();
    let text = "the root's Config has other parts, or another version, than this program's";
    assert_eq!(other.to_string(), text);
    for name in ["", &"x".repeat(256)] {
        let refused = heap.root_or_insert_with(name, || 7_u64);
        assert!(matches!(refused, Err(RootError::Name)), "{refused:?}");
    }
    heap.root_or_insert_with(&"ü".repeat(127), || 8_u64).unwrap();
    let small = SharedHeap::create(&Backing::Memfd, 64 << 10).unwrap();
    let full = small.root_or_insert_with("large", || [0_u8; 100_000]);
    assert!(matches!(full, Err(RootError::Full)));
    assert_eq!(heap.roots().unwrap().len(), 3);
    heap.check().unwrap();
}

#[test]
fn a_root_that_could_not_be_made_is_not_there_and_nothing_is_lost() {
    type Page = [u8; 4096];

    let heap = heap();
    let free = blocks(&heap);
    let make = || -> Result<_, Box<dyn Error>> {
        let mut pages = ShmVec::new_in(&heap);
        loop {
            pages.push(ShmBox::<Page>::new_in([0; 4096], &heap)?)?;
        }
    };
    let full = heap.root_or_try_insert_with::<ShmVec<ShmBox<Page>>, _>("pages", make);
    assert!(full.unwrap_err().is::<InsertError<Page>>());
    assert!(matches!(heap.root::<ShmVec<ShmBox<Page>>>("pages"), Err(RootError::NotFound)));
    assert_eq!(blocks(&heap), free);
}

#[test]
fn of_racing_creators_of_a_root_one_wins() {
    /// So long who makes one waits for the others.
    const LONGEST: Duration = Duration::from_secs(10);

    in_time(|| {
        let heap = heap();
        let inside = counter(&heap);
        for round in 0..50_u64 {
            let name = format!("root {round}");
            inside.store(0, Ordering::Relaxed);
            let make = |number| {
                // Until all have looked, and have found none.
                let begun = Instant::now();
                inside.fetch_add(1, Ordering::Relaxed);
                while inside.load(Ordering::Relaxed) < 4 && begun.elapsed() < LONGEST {
                    thread::yield_now();
                }
                ShmMutex::new(number)
            };
            let come = |number: u64| {
                let root = heap.root_or_insert_with(&name, || make(number)).unwrap();
                let winner = *root.lock().unwrap();
                let again = heap.root::<ShmMutex<u64>>(&name).unwrap();
                assert_eq!(*again.lock().unwrap(), winner);
            };
            let children = [1, 2, 3].map(|number| Child::start(|| come(number)));
            come(4);
            children.into_iter().for_each(|child| assert_eq!(child.end(), 0));
        }
        assert_eq!(heap.roots().unwrap().len(), 1 + 50);
    });
}

#[test]
fn a_creator_that_dies_leaves_no_half_root() {
    let heap = heap();
    let child = Child::start(|| {
        let _ = heap.root_or_insert_with("a", || -> u64 {
            // SAFETY: two numbers.
            unsafe { libc::kill(process::id() as i32, libc::SIGKILL) };
            unreachable!()
        });
    });
    child.end();
    assert!(matches!(heap.root::<u64>("a"), Err(RootError::NotFound)));
    assert_eq!(*heap.root_or_insert_with("a", || 7_u64).unwrap(), 7);
}

#[test]
fn a_removed_root_stays_for_those_who_have_found_it() {
    in_time(|| {
        let heap = heap();
        let make = || AtomicU64::new(1);
        let (ready, go) = (counter(&heap), heap.root_or_insert_with("go", make).unwrap());
        assert_eq!(Child::start(|| _ = heap.root_or_insert_with("a", make).unwrap()).end(), 0);
        let finder = Child::start(|| {
            let found = heap.root::<AtomicU64>("a").unwrap();
            ready.store(1, Ordering::Release);
            while go.load(Ordering::Acquire) == 1 {
                thread::yield_now();
            }
            assert_eq!(found.load(Ordering::Relaxed), 1);
        });
        while ready.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        let remover = Child::start(|| heap.remove_root::<AtomicU64>("a").unwrap());
        assert_eq!(remover.end(), 0);
        assert!(matches!(heap.root::<AtomicU64>("a"), Err(RootError::NotFound)));
        heap.reap();
        let of_a =
            |heap: &SharedHeap| heap.roots().unwrap().into_iter().find(|root| root.name == "a");
        let hidden = of_a(&heap).unwrap();
        assert!(hidden.is_removed && hidden.participants == 1, "{hidden:?}");
        // Another may have the name meanwhile.
        assert_eq!(*heap.root_or_insert_with("a", || 9_u64).unwrap(), 9);
        go.store(0, Ordering::Release);
        assert_eq!(finder.end(), 0);
        heap.reap();
        assert!(!of_a(&heap).unwrap().is_removed);
        heap.check().unwrap();
    });
}

#[test]
fn a_removed_root_is_dropped_by_who_knows_its_type() {
    in_time(|| {
        let heap = heap();
        let maker = || {
            let boxed =
                ShmBox::new_in(ShmBox::new_in([7_u64; 100], &heap).unwrap(), &heap).unwrap();
            heap.root_or_insert_with("nested", || boxed).unwrap();
        };
        assert_eq!(Child::start(maker).end(), 0);
        heap.reap();
        heap.remove_root::<ShmBox<ShmBox<[u64; 100]>>>("nested").unwrap();
        assert!(heap.roots().unwrap().is_empty());
        assert_eq!(blocks(&heap), 0);
    });
}

#[test]
fn a_removed_root_whose_drop_panics_is_gone() {
    #[derive(ShmSafe)]
    #[repr(transparent)]
    struct Bomb(u64);

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly()
        }
    }

    in_time(|| {
        let heap = heap();
        let names = ["one", "other"];
        let make = |name| _ = heap.root_or_insert_with(name, || Bomb(7)).unwrap();
        assert_eq!(Child::start(|| names.into_iter().for_each(make)).end(), 0);
        for (left, name) in [(1, "one"), (0, "other")] {
            let removed = catch_unwind(AssertUnwindSafe(|| heap.remove_root::<Bomb>(name)));
            assert!(removed.is_err(), "it was dropped");
            heap.reap();
            assert_eq!((heap.roots().unwrap().len(), blocks(&heap)), (left, left));
            heap.check().unwrap();
        }
    });
}

#[test]
fn a_removed_root_whose_dropper_dies_is_gone() {
    /// How far the drop is: 0 before it, 1 within it, and 2 when it is to go on.
    static STAGE: OnceLock<Root<AtomicU64>> = OnceLock::new();

    #[derive(ShmSafe)]
    #[repr(transparent)]
    struct Deadly(u64);

    impl Drop for Deadly {
        fn drop(&mut self) {
            let stage = STAGE.get().unwrap();
            stage.store(1, Ordering::Release);
            while stage.load(Ordering::Acquire) == 1 {
                thread::yield_now();
            }
            // SAFETY: two numbers.
            unsafe { libc::kill(process::id() as i32, libc::SIGKILL) };
        }
    }

    in_time(|| {
        let heap = heap();
        let stage = *STAGE.get_or_init(|| counter(&heap));
        let make = |name| _ = heap.root_or_insert_with(name, || Deadly(7)).unwrap();
        // By this one the parent could drop the other, too.
        make("the parent's");
        assert_eq!((Child::start(|| make("a")).end(), blocks(&heap)), (0, 3));
        let remover = Child::start(|| heap.remove_root::<Deadly>("a").unwrap());
        while stage.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        heap.reap();
        assert_eq!((heap.roots().unwrap().len(), blocks(&heap)), (3, 3), "it is being dropped");
        stage.store(2, Ordering::Release);
        assert!(is_killed(remover.end()));
        heap.reap();
        assert_eq!((heap.roots().unwrap().len(), blocks(&heap)), (2, 2));
        heap.check().unwrap();
    });
}

/// How many blocks are handed out.
fn blocks(heap: &SharedHeap) -> usize {
    heap.stats().classes.iter().map(|class| class.used).sum()
}

/// Panics without a word: who is forked while another thread says why it panics waits for it for ever.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("as it should"))
}

#[test]
fn a_heap_and_what_lies_in_it_go_from_thread_to_thread() {
    fn go<T: Send + Sync>() {}
    go::<SharedHeap>();
    go::<Root<AtomicU64>>();
    go::<ShmBox<u64>>();
    go::<aquifer::ShmVec<u64>>();
    go::<aquifer::ShmString>();
    go::<ShmBox<ShmMutex<u64>>>();
    let heap = heap();
    let boxed = thread::scope(|scope| scope.spawn(|| ShmBox::new_in(7_u64, &heap).unwrap()).join());
    assert_eq!(*boxed.unwrap(), 7);
}
