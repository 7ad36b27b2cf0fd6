//! Where a file is that processes share: by its name as POSIX has them, or by its path.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path, PathBuf};

use super::mapping::{Access, Memory};
use super::refused::Refused;
use super::trusted::Trust;

/// The bytes that a name may have on the usual file systems.
const LONGEST_NAME: usize = 255;

/// The place of a file: a directory, and a name in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Absolute, so that it stays the same wherever this process goes.
    directory: PathBuf,
    name: OsString,
}

impl Place {
    /// The place of shared memory with this name, which may begin with a slash and has no other.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: that is no name.
    pub(crate) fn of_name(name: &OsStr) -> io::Result<Self> {
        let bytes = name.as_bytes();
        Self::new(Path::new("/dev/shm"), bytes.strip_prefix(b"/").unwrap_or(bytes))
    }

    /// The place of a file with this path.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it ends with no name of a file. Or those of the system: a relative path in a
    /// directory that is gone.
    pub(crate) fn of_path(path: &Path) -> io::Result<Self> {
        let path = path::absolute(path)?;
        match (path.parent(), path.file_name()) {
            (Some(directory), Some(name)) => Self::new(directory, name.as_bytes()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn new(directory: &Path, name: &[u8]) -> io::Result<Self> {
        let is_name = (1..=LONGEST_NAME).contains(&name.len())
            && !name.iter().any(|byte| matches!(byte, b'/' | 0))
            && !matches!(name, b"." | b"..");
        if !is_name {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { directory: directory.into(), name: OsStr::from_bytes(name).into() })
    }

    /// Maps the file that is there, with the length that it has.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or `NotFound` of the system.
    pub(crate) fn open(&self, access: Access, trust: Trust) -> Result<Memory, Refused> {
        // A pipe would let us wait for its other end, and a terminal would become ours.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let write = access == Access::ReadWrite;
        let file =
            OpenOptions::new().read(true).write(write).custom_flags(flags).open(self.path())?;
        Memory::from_file(file, access, trust)
    }

    /// Whether something has the name, be it what it may.
    pub(crate) fn is_taken(&self) -> bool {
        fs::symlink_metadata(self.path()).is_ok()
    }

    /// Takes the name away. Who has the file keeps it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn unlink(&self) -> io::Result<()> {
        fs::remove_file(self.path())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of a hidden file in the same directory, with the name and a number in its own.
    pub(super) fn beside(&self, number: u128) -> PathBuf {
        /// What the dots and the number leave.
        const LONGEST: usize = LONGEST_NAME - 2 - 32;
        let name = self.name.as_bytes();
        let name = name.get(..LONGEST).unwrap_or(name);
        let mut hidden = OsString::from(".");
        hidden.push(OsStr::from_bytes(name));
        hidden.push(format!(".{number:032x}"));
        self.directory.join(hidden)
    }
}
