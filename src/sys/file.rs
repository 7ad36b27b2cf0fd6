//! What is done to a file that is to be memory: its bytes are reserved, and its length is sealed.
#![expect(unsafe_code, reason = "makes system calls")]

use core::mem::MaybeUninit;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// The mode of a file that nobody but its owner may read or write.
pub(super) const OF_ITS_OWNER: u32 = 0o600;

/// Makes an empty file that has no name, and can be sealed.
///
/// # Errors
///
/// Those of `memfd_create`: no descriptor is left, or the kernel is older than Linux 3.17.
pub(super) fn memfd() -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a string that ends in a zero.
    let descriptor = unsafe { libc::memfd_create(c"aquifer".as_ptr(), flags) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// Whether somebody has made a file by `memfd_create`: these lie on one device, to which no path leads.
///
/// # Errors
///
/// Those of [`memfd`] and `fstat`.
pub(super) fn is_memfd(file: &File) -> io::Result<bool> {
    Ok(file.metadata()?.dev() == memfd()?.metadata()?.dev())
}

/// Gives a file the mode [`OF_ITS_OWNER`], whatever the process's umask has made of it.
///
/// # Errors
///
/// Those of `fchmod`.
pub(super) fn make_private(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(OF_ITS_OWNER))
}

/// Makes an empty file `bytes` zeros long, and reserves room for all of them: where there is none left,
/// this is an error here, and not a SIGBUS when they are touched.
///
/// # Errors
///
/// `ENOSPC`, and others of `posix_fallocate` and `fstatvfs`.
pub(super) fn reserve(file: &File, bytes: usize) -> io::Result<()> {
    /// On many kernels a signal undoes what a call has reserved in memory so far, and a profiler sends
    /// one every few milliseconds: in one call, a large file would never be done.
    const PIECE: usize = 4 << 20;
    as_offset(bytes)?;
    if room_beside(file)?.is_some_and(|room| room < bytes as u128) {
        // To try it would leave none to others meanwhile.
        return Err(io::Error::from_raw_os_error(libc::ENOSPC));
    }
    if longest_file() < bytes {
        // To try it would end this process by SIGXFSZ.
        return Err(io::Error::from_raw_os_error(libc::EFBIG));
    }
    let mut reserved = 0;
    while reserved < bytes {
        let piece = PIECE.min(bytes - reserved);
        let (offset, length) = (as_offset(reserved)?, as_offset(piece)?);
        // SAFETY: the call takes a descriptor and two numbers.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), offset, length) } {
            0 => reserved += piece,
            libc::EINTR => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
    Ok(())
}

/// Returns how long this process may make a file, in bytes.
fn longest_file() -> usize {
    let mut limits = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: there is room for what is written; if the call fails, as it cannot, there is no limit.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limits) };
    usize::try_from(limits.rlim_cur).unwrap_or(usize::MAX)
}

/// Returns how many bytes are free where a file is, if its file system has a bound.
fn room_beside(file: &File) -> io::Result<Option<u128>> {
    let mut status = MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: there is room for what is written.
    if unsafe { libc::fstatvfs(file.as_raw_fd(), status.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: written by the call above, which has succeeded.
    let status = unsafe { status.assume_init() };
    let room = u128::from(status.f_bfree) * u128::from(status.f_frsize);
    Ok((status.f_blocks != 0).then_some(room))
}

/// Reserves what a file has not reserved, as one that was copied may have holes.
///
/// `posix_fallocate` would not do: where the file system has no such call, it writes zeros where it
/// has just read some, and others may have the file mapped.
///
/// # Errors
///
/// Those of `fallocate`, but that there is no such call for this file.
pub(super) fn fill_holes(file: &File, status: &Metadata) -> io::Result<()> {
    /// What `st_blocks` counts.
    const BLOCK_BYTES: u64 = 512;
    if status.blocks().saturating_mul(BLOCK_BYTES) >= status.len() {
        return Ok(());
    }
    let length = status.len().try_into().map_err(|_| io::ErrorKind::FileTooLarge)?;
    let keep = libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: the call takes a descriptor and numbers.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), keep, 0, length) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EOPNOTSUPP) { Ok(()) } else { Err(error) }
}

/// Sees to it that nobody can change the length of a file of memory, or what is sealed.
///
/// # Errors
///
/// The file is none of `memfd_create` with `MFD_ALLOW_SEALING`.
pub(super) fn seal(file: &File) -> io::Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: the call takes a descriptor and two numbers.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Returns what nobody can do to a file any more, if it is of memory.
pub(super) fn seals(file: &File) -> Option<libc::c_int> {
    // SAFETY: the call takes a descriptor and a number.
    let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
    (seals >= 0).then_some(seals)
}

fn as_offset(bytes: usize) -> io::Result<libc::off_t> {
    bytes.try_into().map_err(|_| io::ErrorKind::InvalidInput.into())
}
