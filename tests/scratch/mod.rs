//! A directory, and names of shared memory, that are gone when the test is over.
#![allow(dead_code, reason = "each test uses a part of this room")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;
use std::{env, fs, process};

use aquifer::{Backing, SharedHeap};

/// Where a test may leave files. They are removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: PathBuf,
    names: Mutex<Vec<Backing>>,
    /// Children that were forked have a copy of this.
    owner: u32,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (owner, number) = (process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        // One that was killed long ago, and has left something, may have had the same number.
        let time = UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let directory = env::temp_dir().join(format!("aquifer-{owner}-{time}-{number}"));
        fs::create_dir(&directory).unwrap();
        Self { directory, names: Mutex::default(), owner }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn file_backing(&self, name: &str) -> (PathBuf, Backing) {
        (self.file(name), Backing::File(self.file(name)))
    }

    /// A name of shared memory that no other test has.
    pub(crate) fn posix(&self, name: &str) -> Backing {
        let directory = self.directory.file_name().unwrap().to_string_lossy();
        let backing = Backing::Posix(format!("/{directory}-{name}"));
        self.names.lock().unwrap().push(backing.clone());
        backing
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if process::id() == self.owner {
            let _ = fs::remove_dir_all(&self.directory);
            for name in self.names.get_mut().unwrap().drain(..) {
                let _ = SharedHeap::unlink(&name);
            }
        }
    }
}
