//! What programs share that know nothing of each other but a type's definition and a heap's name; and what a
//! name leads to when its file was not made as it should be.
//!
//! The other programs are the examples `scoreboard` and `scoreboard_watch`, which `cargo test` builds.
#![cfg(target_os = "linux")]
// There they are built with nothing of that, or not at all.
#![cfg(not(any(asan, aquifer_in_slab)))]
#![expect(unsafe_code, reason = "forks, and mounts a file system that no other process sees")]

mod bounded;
mod scratch;

use std::ffi::CString;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, ptr, thread};

use aquifer::{AttachError, Backing, RootError, SharedHeap, ShmMutex, ShmSafe, ShmString, ShmVec};
use bounded::{Child, in_time, left_out};
use scratch::Scratch;

const MIB: usize = 1 << 20;

/// What the examples call so, too.
#[derive(ShmSafe)]
#[repr(C)]
struct Player {
    name: ShmString,
    points: u64,
}

type Players<P> = ShmMutex<ShmVec<P>>;

/// The programs that others have built, and the scoreboard that they share.
struct Theirs {
    scratch: Scratch,
}

impl Theirs {
    fn new() -> Self {
        Self { scratch: Scratch::new() }
    }

    fn path(&self) -> PathBuf {
        self.scratch.file("scoreboard")
    }

    /// An example, which takes its scoreboard from here.
    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let ours = env::current_exe().unwrap();
        let profile = ours.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
        let path = profile.join("examples").join(name);
        assert!(
            path.exists(),
            "{} is not there: `cargo test` without a choice of tests builds it, and so does \
             `cargo build --examples`",
            path.display()
        );
        let mut command = Command::new(path);
        command.args(arguments).env("TMPDIR", self.scratch.path()).stdout(Stdio::piped());
        command
    }

    fn give(&self, name: &str, points: &str) {
        let output = self.program("scoreboard", &[name, points]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn open(&self) -> SharedHeap {
        SharedHeap::open(&Backing::File(self.path())).unwrap()
    }
}

/// The points of all players, by name.
fn points(heap: &SharedHeap) -> Vec<(String, u64)> {
    let players = heap.root::<Players<Player>>("players").unwrap();
    let players = players.lock().unwrap();
    let mut points: Vec<_> =
        players.iter().map(|player| (player.name.to_string(), player.points)).collect();
    points.sort();
    points
}

/// A program that runs until this is dropped.
struct Running(process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_programs_that_share_a_type_work_on_one_heap() {
    in_time(|| {
        let theirs = Theirs::new();
        theirs.give("Ada", "3");
        let heap = theirs.open();
        assert_eq!(points(&heap), [("Ada".to_owned(), 3)]);
        // What one has made another changes, and drops.
        let players = heap.root::<Players<Player>>("players").unwrap();
        let name = ShmString::from_str_in("Bo", &heap).unwrap();
        players.lock().unwrap().push(Player { name, points: 5 }).unwrap();
        theirs.give("Bo", "2");
        assert_eq!(points(&heap), [("Ada".to_owned(), 3), ("Bo".to_owned(), 7)]);
        players.lock().unwrap().retain(|player| *player.name != *"Ada");
        heap.check().unwrap();
        assert_eq!(points(&heap), [("Bo".to_owned(), 7)]);
    });
}

#[test]
fn they_have_it_at_different_addresses() {
    in_time(|| {
        let theirs = Theirs::new();
        theirs.give("Ada", "3");
        let heap = theirs.open();
        let mut watch = Running(theirs.program("scoreboard_watch", &["60"]).spawn().unwrap());
        let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let seen: Vec<String> = lines.take(2).collect();
        assert_eq!(seen, ["    3 Ada", "-- after 1 s"]);
        let [here, there] = [process::id(), watch.0.id()].map(|id| mapped_at(id, &theirs.path()));
        assert_ne!(here, there);
        assert_eq!(points(&heap), [("Ada".to_owned(), 3)]);
    });
}

/// Where a process has mapped a file.
fn mapped_at(process: u32, path: &Path) -> String {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let line = maps.lines().find(|line| line.ends_with(path.to_str().unwrap()));
    line.expect("it is mapped").split('-').next().unwrap().to_owned()
}

#[test]
fn many_programs_at_once_lose_nothing() {
    in_time(|| {
        let theirs = Theirs::new();
        let names = ["Ada", "Bo", "Cy"];
        let start =
            |index: usize| theirs.program("scoreboard", &[names[index % 3], "1"]).spawn().unwrap();
        // Some of them make the scoreboard, and nobody knows which.
        let programs: Vec<_> = (0..30).map(start).map(Running).collect();
        for mut program in programs {
            assert!(program.0.wait().unwrap().success());
        }
        assert_eq!(points(&theirs.open()), names.map(|name| (name.to_owned(), 10)));
    });
}

#[test]
fn a_type_that_was_changed_is_refused_and_both_are_named() {
    mod with_a_field_more {
        #[derive(aquifer::ShmSafe)]
        #[repr(C)]
        pub(super) struct Player(aquifer::ShmString, u64, u32);
    }
    mod with_another_name_of_a_field {
        #[derive(aquifer::ShmSafe)]
        #[repr(C)]
        pub(super) struct Player {
            name: aquifer::ShmString,
            lives: u64,
        }
    }
    mod of_another_version {
        #[derive(aquifer::ShmSafe)]
        #[repr(C)]
        #[shm(version = 2)]
        pub(super) struct Player {
            name: aquifer::ShmString,
            points: u64,
        }
    }
    #[derive(ShmSafe)]
    #[repr(C)]
    struct Horse {
        name: ShmString,
        points: u64,
    }

    /// Asks for players of type `P`; returns what the two types are called.
    fn refused<P: ShmSafe + Sync>(heap: &SharedHeap) -> [String; 2] {
        let made = heap.root_or_insert_with("players", || -> Players<P> { unreachable!() });
        assert!(matches!(made, Err(RootError::Type { .. })));
        let removed = heap.remove_root::<Players<P>>("players");
        assert!(matches!(removed, Err(RootError::Type { .. })));
        let error = heap.root::<Players<P>>("players").unwrap_err();
        let text = error.to_string();
        let RootError::Type { expected, found } = error else { panic!("{error}") };
        assert!(text.contains(&expected) && text.contains(&found), "{text}");
        [expected, found]
    }

    let theirs = Theirs::new();
    theirs.give("Ada", "3");
    let heap = theirs.open();
    let name = "ShmMutex<ShmVec<Player>>";
    assert_eq!(refused::<with_a_field_more::Player>(&heap), [name, name]);
    assert_eq!(refused::<with_another_name_of_a_field::Player>(&heap), [name, name]);
    assert_eq!(refused::<of_another_version::Player>(&heap), [name, name]);
    assert_eq!(refused::<Horse>(&heap), ["ShmMutex<ShmVec<Horse>>", name]);
    assert_eq!(points(&heap), [("Ada".to_owned(), 3)], "nobody has touched it");
}

#[test]
fn a_full_file_system_is_an_error_and_nothing_is_left() {
    in_time(|| {
        let scratch = Scratch::new();
        with_one_mib_at(scratch.path(), || {
            let (_, backing) = scratch.file_backing("heap");
            for bytes in [MIB + 4096, 64 * MIB] {
                let error = SharedHeap::open_or_create(&backing, bytes).unwrap_err();
                let AttachError::System(error) = error else { panic!("{error:?}") };
                assert_eq!(error.kind(), ErrorKind::StorageFull);
                assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
            }
            // All of it is there again.
            let heap = SharedHeap::open_or_create(&backing, MIB).unwrap();
            heap.root_or_insert_with("counter", || AtomicU64::new(0)).unwrap();
            heap.check().unwrap();
        });
    });
}

#[test]
fn without_proc_it_is_said_what_is_missing_and_nothing_is_left() {
    in_time(|| {
        let scratch = Scratch::new();
        let (_, backing) = scratch.file_backing("heap");
        let maker = Child::start(|| _ = SharedHeap::create(&backing, MIB).unwrap());
        assert_eq!(maker.end(), 0);
        with_one_mib_at(Path::new("/proc"), || {
            let (_, other) = scratch.file_backing("other");
            let made = SharedHeap::create(&other, MIB).unwrap_err();
            let opened = SharedHeap::open(&backing).unwrap_err();
            for error in [made, opened] {
                assert!(error.to_string().contains("/proc/sys/kernel/random/boot_id: "), "{error}");
            }
            assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
            // No restart leaves memory without a name: it is for processes that can tell, too.
            let passed = SharedHeap::create(&Backing::Memfd, MIB).unwrap();
            // SAFETY: it is used as a heap only.
            let passed = unsafe { passed.as_fd() }.unwrap().try_clone_to_owned().unwrap();
            // SAFETY: the strings end in zeros; what was mounted above is this process's alone.
            assert_eq!(unsafe { libc::umount(c"/proc".as_ptr()) }, 0);
            SharedHeap::from_fd(passed).unwrap().check().unwrap();
        });
    });
}

/// Calls `body` in a process that has a small file system in a directory; or says that nobody may mount one.
fn with_one_mib_at(directory: &Path, body: impl FnOnce()) {
    /// No panic ends with it.
    const NOT_PERMITTED: i32 = 77;
    let child = Child::start(|| {
        if mount_one_mib(directory).is_err() {
            // SAFETY: the call takes a number, and runs nothing of the parent's.
            unsafe { libc::_exit(NOT_PERMITTED) };
        }
        body();
    });
    match child.end() {
        status if libc::WEXITSTATUS(status) == NOT_PERMITTED => {
            left_out("nothing may be mounted here");
        }
        status => assert_eq!(status, 0),
    }
}

/// Mounts a file system that this process alone sees, and that is gone when the process is.
fn mount_one_mib(directory: &Path) -> io::Result<()> {
    let done = |result| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let (tmpfs, target) = (c"tmpfs".as_ptr(), CString::new(directory.as_os_str().as_bytes())?);
    let (root, private) = (c"/".as_ptr(), libc::MS_REC | libc::MS_PRIVATE);
    let options = c"size=1M".as_ptr();
    // SAFETY: the call takes a number.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    // SAFETY: the strings end in zeros, and are borrowed for as long as the call lasts.
    done(unsafe { libc::mount(ptr::null(), root, ptr::null(), private, ptr::null()) })?;
    // SAFETY: as above.
    done(unsafe { libc::mount(tmpfs, target.as_ptr(), tmpfs, 0, options.cast()) })
}

#[test]
fn the_heap_of_another_user_is_refused() {
    const STRANGER: u32 = 12345;
    let scratch = Scratch::new();
    let (path, backing) = scratch.file_backing("heap");
    SharedHeap::create(&backing, MIB).unwrap();
    if chown(&path, Some(STRANGER), None).is_err() {
        left_out("files may not be given away here");
        return;
    }
    let ours = fs::metadata("/proc/self").unwrap().uid();
    for refused in [SharedHeap::open(&backing), SharedHeap::open_or_create(&backing, MIB)] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, AttachError::ForeignOwner { found: STRANGER, expected } if expected == ours)
        );
        let text = format!("the file is user 12345's, and this process is of user {ours}");
        assert_eq!(error.to_string(), text);
    }
    assert!(matches!(SharedHeap::create(&backing, MIB), Err(AttachError::Exists)));
    assert_eq!(fs::metadata(&path).unwrap().uid(), STRANGER, "it is still there");
}

#[test]
fn a_creator_that_is_killed_half_way_holds_nobody_up() {
    const BYTES: usize = 16 * MIB;
    in_time(|| {
        let scratch = Scratch::new();
        let backing = |name: &str| Backing::File(scratch.file(name));
        let create = |name: &str| _ = SharedHeap::open_or_create(&backing(name), BYTES).unwrap();
        let time = |name: &str| {
            let begun = Instant::now();
            assert_eq!(Child::start(|| create(name)).end(), 0);
            begun.elapsed()
        };
        let usual = ["one", "two", "three"].map(time).into_iter().min().unwrap();
        let mut left_nothing = 0;
        for step in 0..40_u32 {
            let name = format!("heap {step}");
            let creator = Child::start(|| create(&name));
            // From before it has begun until after it is done.
            thread::sleep(usual * step / 30);
            creator.kill();
            creator.end();
            left_nothing += u32::from(!scratch.file(&name).exists());
            take_over(&backing(&name), BYTES);
            fs::remove_file(scratch.file(&name)).unwrap();
        }
        println!("of 40 creators {left_nothing} were killed before there was a heap");
        assert!(left_nothing > 0, "all of them were faster");
    });
}

#[test]
fn a_creator_that_may_make_no_file_as_long_leaves_nothing() {
    in_time(|| {
        let scratch = Scratch::new();
        let (path, backing) = scratch.file_backing("heap");
        let creator = Child::start(|| {
            let limit = libc::rlimit { rlim_cur: MIB as u64, rlim_max: MIB as u64 };
            // SAFETY: the limit is borrowed for as long as the call lasts.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &limit) }, 0);
            // The kernel would end who passes the limit, in the middle of the call.
            let refused = SharedHeap::create(&backing, 16 * MIB).unwrap_err();
            let AttachError::System(error) = refused else { panic!("{refused}") };
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        });
        assert_eq!(creator.end(), 0);
        assert!(!path.exists());
        take_over(&backing, MIB);
    });
}

/// Opens or creates a heap in several processes at once, and works on it.
fn take_over(backing: &Backing, bytes: usize) {
    let come = || {
        let begun = Instant::now();
        let heap = SharedHeap::open_or_create(backing, bytes).unwrap();
        let counter = heap.root_or_insert_with("counter", || AtomicU64::new(0)).unwrap();
        counter.fetch_add(1, Ordering::Relaxed);
        heap.check().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "it has waited for the dead");
    };
    let children = [(); 3].map(|()| Child::start(come));
    children.into_iter().for_each(|child| assert_eq!(child.end(), 0));
    let last = Child::start(|| {
        let heap = SharedHeap::open(backing).unwrap();
        assert_eq!(heap.root::<AtomicU64>("counter").unwrap().load(Ordering::Relaxed), 3);
    });
    assert_eq!(last.end(), 0);
}
