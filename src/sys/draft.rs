//! Files that have no name until they are whole.
//!
//! ```text
//! create ──▶ a file without a name, reserved and mapped ──▶ the caller fills it ──▶ publish: it has a name
//!               killed here, there is nothing to open, and nothing to remove
//! ```
//!
//! Where the file system knows no such files it is one with a name that nobody looks for, which a kill leaves behind.
#![expect(unsafe_code, reason = "gives a file its name")]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use super::file;
use super::machine;
use super::mapping::{Access, Memory};
use super::place::Place;

/// Memory whose file is not yet in its place. It is filled by its creator alone.
#[derive(Debug)]
pub(crate) struct Draft {
    memory: Memory,
    unnamed: Unnamed,
}

/// A file of this process, to be given its name.
#[derive(Debug)]
pub(crate) struct Unnamed {
    place: Place,
    /// Where this process finds its own descriptor of the file.
    source: CString,
    /// Dropped when the file has its name, or will have none.
    _temporary: Option<TemporaryName>,
}

impl Draft {
    /// Makes a file of `bytes` zeros, of mode 0600, for a place.
    ///
    /// Where the file system knows no files without a name, it has one that nobody could guess.
    /// There, a creator that is killed leaves that behind.
    ///
    /// # Errors
    ///
    /// Those of the system: there is no such directory, this process may not write there, or there is
    /// not so much room left.
    pub(crate) fn create(place: &Place, bytes: usize) -> io::Result<Self> {
        match nameless(place) {
            Ok(file) => Self::new(place, file, None, bytes),
            Err(error) if knows_no_nameless_files(&error) => Self::create_named(place, bytes),
            Err(error) => Err(error),
        }
    }

    /// Makes it with a name that nobody could guess.
    pub(super) fn create_named(place: &Place, bytes: usize) -> io::Result<Self> {
        let (file, temporary) = TemporaryName::create(place)?;
        Self::new(place, file, Some(temporary), bytes)
    }

    fn new(
        place: &Place,
        file: File,
        temporary: Option<TemporaryName>,
        bytes: usize,
    ) -> io::Result<Self> {
        file::make_private(&file)?;
        file::reserve(&file, bytes)?;
        let source = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let memory = Memory::of_file(file, bytes, Access::ReadWrite)?;
        let unnamed = Unnamed { place: place.clone(), source, _temporary: temporary };
        Ok(Self { memory, unnamed })
    }

    /// Borrows the memory, to be filled.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Changes who may use the file.
    ///
    /// # Errors
    ///
    /// Those of `fchmod`.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        let permissions = Permissions::from_mode(mode);
        self.memory.file().map_or(Ok(()), |file| file.set_permissions(permissions))
    }

    /// As [`Draft::split`] and [`Unnamed::publish`].
    #[cfg(all(test, not(asan)))]
    pub(crate) fn publish(self) -> io::Result<Memory> {
        let (memory, unnamed) = self.split();
        unnamed.publish().map(|()| memory)
    }

    /// Gives the memory out. Its file has no name yet, and gets none if the memory is dropped before.
    pub(crate) fn split(self) -> (Memory, Unnamed) {
        (self.memory, self.unnamed)
    }
}

impl Unnamed {
    /// Gives the file its name. From now on others may open it, and find what was written before.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`: somebody else was first. Or others of the system.
    pub(crate) fn publish(self) -> io::Result<()> {
        let (source, here) = (self.source.as_ptr(), libc::AT_FDCWD);
        let target = CString::new(self.place.path().into_os_string().into_vec())?;
        // The descriptor leads to this very file, and no name does that somebody else could replace.
        let follow = libc::AT_SYMLINK_FOLLOW;
        // SAFETY: both strings end in a zero, and are borrowed for as long as the call lasts.
        let result = unsafe { libc::linkat(here, source, here, target.as_ptr(), follow) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// Makes a file in the directory of a place that has no name.
fn nameless(place: &Place) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .mode(file::OF_ITS_OWNER)
        .custom_flags(libc::O_TMPFILE)
        .open(place.directory())
}

/// Whether a file system, or a kernel that ignores what it does not know, has refused `O_TMPFILE`.
fn knows_no_nameless_files(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EOPNOTSUPP | libc::EISDIR | libc::ENOENT | libc::EINVAL)
    )
}

/// A name that a file has for the time being; it has it no more when this is dropped.
#[derive(Debug)]
struct TemporaryName {
    path: PathBuf,
}

impl TemporaryName {
    fn create(place: &Place) -> io::Result<(File, Self)> {
        let path = place.beside(machine::random()?);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(file::OF_ITS_OWNER)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        Ok((file, Self { path }))
    }
}

impl Drop for TemporaryName {
    fn drop(&mut self) {
        // Somebody has removed it already, or may do so.
        let _ = fs::remove_file(&self.path);
    }
}
