//! `Site`: the files that are served: those of a directory, or a small site of the program's own.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aquifer::ShmSafe;

use crate::media_type;
use crate::status_code::StatusCode;

/// Where files come from.
#[derive(Debug)]
pub(crate) enum Site {
    /// A directory, by its true name.
    Directory(PathBuf),
    /// Part of the program.
    Embedded(&'static [(&'static str, &'static str)]),
}

/// A file that may be served.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) version: Version,
    pub(crate) media_type: &'static str,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Memory(&'static [u8]),
    File(File),
}

/// What changes if a file does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ShmSafe)]
#[repr(C)]
pub(crate) struct Version {
    pub(crate) bytes: u64,
    device: u64,
    inode: u64,
    changed_seconds: i64,
    changed_nanoseconds: i64,
}

/// The program's own site.
const EMBEDDED: &[(&str, &str)] = &[
    ("/index.html", include_str!("site/index.html")),
    ("/how.html", include_str!("site/how.html")),
    ("/style.css", include_str!("site/style.css")),
    ("/water.svg", include_str!("site/water.svg")),
];

impl Site {
    /// Finds the directory.
    ///
    /// # Errors
    ///
    /// It is not there, or is none: the error names it.
    pub(crate) fn open(root: Option<&Path>) -> io::Result<Self> {
        let Some(root) = root else { return Ok(Self::Embedded(EMBEDDED)) };
        let named = |error| io::Error::other(format!("{}: {error}", root.display()));
        let directory = fs::canonicalize(root).map_err(named)?;
        fs::read_dir(&directory).map_err(named)?;
        Ok(Self::Directory(directory))
    }

    /// Finds the file of a path, which has been normalised. For a directory that is its index, if the path says
    /// that it is one.
    ///
    /// # Errors
    ///
    /// The status to answer with: a directory that is asked for like a file has moved.
    pub(crate) fn find(&self, path: &str) -> Result<Found, StatusCode> {
        let index = if path.ends_with('/') { "index.html" } else { "" };
        match self {
            Self::Directory(root) => find_in(root, &[&path[1..], index].concat()),
            Self::Embedded(pages) => {
                let is_it = |name: &str| name.strip_prefix(path) == Some(index);
                let (name, text) =
                    pages.iter().find(|(name, _)| is_it(name)).ok_or(StatusCode::NOT_FOUND)?;
                let (bytes, media_type) = (text.len() as u64, media_type::of(name));
                let version = Version { bytes, ..Version::default() };
                Ok(Found { version, media_type, content: Content::Memory(text.as_bytes()) })
            }
        }
    }
}

/// Opens a file below a directory.
fn find_in(root: &Path, path: &str) -> Result<Found, StatusCode> {
    // A pipe that nobody writes to would keep it waiting.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(root.join(path))
        .map_err(status_of)?;
    let facts = file.metadata().map_err(status_of)?;
    // Looked at when it is open, so that no link can be put in its way after that.
    let place = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(status_of)?;
    if !place.starts_with(root) {
        return Err(StatusCode::NOT_FOUND);
    }
    if facts.is_dir() {
        return Err(StatusCode::MOVED);
    }
    if !facts.is_file() {
        return Err(StatusCode::NOT_FOUND);
    }
    let version = Version {
        bytes: facts.len(),
        device: facts.dev(),
        inode: facts.ino(),
        // Not when the content was written, which anybody can set.
        changed_seconds: facts.ctime(),
        changed_nanoseconds: facts.ctime_nsec(),
    };
    Ok(Found { version, media_type: media_type::of(path), content: Content::File(file) })
}

fn status_of(error: io::Error) -> StatusCode {
    match error.raw_os_error() {
        // Another time there may be some.
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => StatusCode::UNAVAILABLE,
        Some(libc::EIO) => StatusCode::INTERNAL_ERROR,
        _ => StatusCode::NOT_FOUND,
    }
}
