//! Places for the files of a test, which are gone when the test is.

use core::sync::atomic::{AtomicU32, Ordering};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::sys::place::Place;

/// A directory of its own for each test.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn make() -> Self {
        let path = std::env::temp_dir().join(unique());
        fs::create_dir(&path).expect("a new directory");
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn place(&self, name: &str) -> Place {
        Place::of_path(&self.path.join(name)).expect("a name")
    }

    pub(crate) fn entries(&self) -> Vec<OsString> {
        let entries = fs::read_dir(&self.path).expect("the directory is there");
        entries.map(|entry| entry.expect("it is listed").file_name()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A name of shared memory of its own for each test.
#[derive(Debug)]
pub(super) struct Name {
    name: String,
    pub(super) place: Place,
}

impl Name {
    pub(super) fn invent() -> Self {
        let name = unique();
        let place = Place::of_name(name.as_ref()).expect("it is a name");
        Self { name, place }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = self.place.unlink();
    }
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // One that was killed long ago, and has left something, may have had the same number.
    let time = UNIX_EPOCH.elapsed().expect("it is later").as_nanos();
    format!("aquifer-test-{}-{time}-{number}", std::process::id())
}
