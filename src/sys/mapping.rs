//! Memory that processes share, mapped when it is made.
#![expect(unsafe_code, reason = "makes memory, maps it and gives advice about it")]

use core::ptr::{self, NonNull};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use super::birth::Birth;
use super::file;
use super::segment::Segment;

/// What this process may do with memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A run of bytes that other processes may have mapped, too.
///
/// It is unmapped, and its descriptor closed, when this value is dropped. A child that is forked has
/// it at the same address.
#[derive(Debug)]
pub(crate) struct Memory {
    start: NonNull<u8>,
    bytes: usize,
    /// Memory without one goes to forked children alone.
    file: Option<File>,
}

// SAFETY: it is an address and numbers, which mean the same on all threads; no method that is safe to call
// reads or writes the memory.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Makes a file of `bytes` zeros that has no name, and whose length nobody can change any more.
    ///
    /// # Errors
    ///
    /// Those of the system: no descriptor or no memory is left.
    pub(crate) fn memfd(bytes: usize) -> io::Result<Self> {
        // Where there is too little memory for a file, the kernel kills processes; where there is too
        // little for a mapping, it says so.
        drop(Self::map_anon(bytes)?);
        let file = file::memfd()?;
        file::make_private(&file)?;
        file::reserve(&file, bytes)?;
        file::seal(&file)?;
        Self::of_file(file, bytes, Access::ReadWrite)
    }

    /// Maps `bytes` zeros that have neither name nor descriptor.
    ///
    /// The kernel counts them as used, and finds the pages when they are touched first. No file
    /// system could be full then.
    ///
    /// # Errors
    ///
    /// Those of `mmap`.
    pub(crate) fn map_anon(bytes: usize) -> io::Result<Self> {
        let start = map(None, bytes, Access::ReadWrite)?;
        Ok(Self { start, bytes, file: None })
    }

    /// Maps `bytes` bytes of `/dev/zero`, as systems without anonymous mappings do. They are as those
    /// of [`Memory::map_anon`].
    ///
    /// # Errors
    ///
    /// Those of the system: there is no such device, no descriptor or no memory.
    pub(crate) fn dev_zero(bytes: usize) -> io::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/zero")?;
        let start = map(Some(&device), bytes, Access::ReadWrite)?;
        // Whoever maps the device once more gets other bytes, so its descriptor is not the memory's.
        Ok(Self { start, bytes, file: None })
    }

    /// Makes a segment of `bytes` zeros as System V has them, which goes when the last process does
    /// that has it. They are as those of [`Memory::map_anon`].
    ///
    /// A process that is killed in here may leave a segment behind, which a later call removes: see
    /// [`Segment::create`].
    ///
    /// # Errors
    ///
    /// Those of the system: the bytes are more than `kernel.shmmax`, or no memory is left.
    pub(crate) fn sys_v(bytes: usize) -> io::Result<Self> {
        let segment = Segment::create(bytes)?;
        let start = not_null(segment.attach()?)?;
        Ok(Self { start, bytes, file: None })
    }

    /// Maps the first `bytes` bytes of a file, which it has reserved.
    ///
    /// # Errors
    ///
    /// Those of `mmap`.
    pub(super) fn of_file(file: File, bytes: usize, access: Access) -> io::Result<Self> {
        Ok(Self { start: map(Some(&file), bytes, access)?, bytes, file: Some(file) })
    }

    /// Maps a copy of some bytes, a multiple of a page, between two pages that nobody may touch.
    #[cfg(all(test, not(asan)))]
    pub(crate) fn between_guards(bytes: &[u8], access: Access) -> io::Result<Self> {
        const GUARD: usize = 64 << 10;
        let length = bytes.len() + 2 * GUARD;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start =
            mapped(unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0) })?;
        // SAFETY: within what was mapped just now.
        let start = unsafe { start.add(GUARD) };
        let (flags, writable) =
            (libc::MAP_FIXED | flags & !libc::MAP_NORESERVE, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: it takes the place of what was mapped just now.
        mapped(unsafe { libc::mmap(start.as_ptr().cast(), bytes.len(), writable, flags, -1, 0) })?;
        // SAFETY: as many were mapped, for nobody else.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        if access == Access::ReadOnly {
            // SAFETY: nobody writes there from now on.
            done(unsafe { libc::mprotect(start.as_ptr().cast(), bytes.len(), libc::PROT_READ) })?;
        }
        Ok(Self { start, bytes: bytes.len(), file: None })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns what can be passed to a process that is to map the same memory, where there is such.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Maps the same bytes once more, elsewhere. The result has no descriptor.
    ///
    /// # Errors
    ///
    /// Those of `mremap`.
    #[cfg(all(test, not(asan)))]
    pub(crate) fn map_elsewhere(&self) -> io::Result<Self> {
        let old = self.start.as_ptr().cast();
        // SAFETY: an old length of zero leaves the old mapping as it is, and of what is shared makes
        // another, where the kernel chooses.
        let start = unsafe { libc::mremap(old, 0, self.bytes, libc::MREMAP_MAYMOVE) };
        Ok(Self { start: mapped(start)?, bytes: self.bytes, file: None })
    }

    /// Keeps all of it in memory, and out of the swap space, while this process lives. Children do not
    /// inherit that.
    ///
    /// # Errors
    ///
    /// Those of `mlock`: mostly that this process may not lock so much.
    pub(crate) fn lock_in_memory(&self) -> io::Result<()> {
        // SAFETY: this range is mapped, and stays what it is.
        done(unsafe { libc::mlock(self.start.as_ptr().cast(), self.bytes) })
    }

    /// Asks for huge pages. It is advice: success does not say that there are any.
    ///
    /// # Errors
    ///
    /// Those of `madvise`: `EINVAL` says that this kernel was built without them.
    pub(crate) fn advise_huge_pages(&self) -> io::Result<()> {
        let start = self.start.as_ptr().cast();
        // SAFETY: this range is mapped, and the advice changes nothing in it.
        done(unsafe { libc::madvise(start, self.bytes, libc::MADV_HUGEPAGE) })
    }

    /// Returns whether its file still has all bytes that are mapped. To touch those that it has lost
    /// is a SIGBUS. Sealed files and memory without a descriptor cannot lose any.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub(crate) fn is_whole(&self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(true) };
        Ok(file.metadata()?.len() >= self.bytes as u64)
    }

    /// Returns what its file is told from a copy by.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub(crate) fn birth(&self) -> io::Result<Birth> {
        self.file.as_ref().map_or(Ok(Birth::default()), Birth::of)
    }

    /// Returns whether both are the same file.
    ///
    /// # Errors
    ///
    /// Those of `fstat`.
    pub(crate) fn is_of_file_of(&self, other: &Self) -> io::Result<bool> {
        let (Some(one), Some(other)) = (&self.file, &other.file) else { return Ok(false) };
        let (one, other) = (one.metadata()?, other.metadata()?);
        Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: a constructor has mapped this range. Who has made a reference into it has promised that it
        // is used no longer than this value is.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// Maps a file, or zeros.
fn map(file: Option<&File>, bytes: usize, access: Access) -> io::Result<NonNull<u8>> {
    let protection = match access {
        Access::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        Access::ReadOnly => libc::PROT_READ,
    };
    let (flags, descriptor) = match file {
        Some(file) => (libc::MAP_SHARED, file.as_raw_fd()),
        None => (libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1),
    };
    // SAFETY: the kernel chooses an address where nothing is mapped.
    mapped(unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, descriptor, 0) })
}

/// Returns what `mmap` or `mremap` has returned, as a result.
fn mapped(start: *mut libc::c_void) -> io::Result<NonNull<u8>> {
    if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { not_null(start) }
}

fn not_null(start: *mut libc::c_void) -> io::Result<NonNull<u8>> {
    NonNull::new(start.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
