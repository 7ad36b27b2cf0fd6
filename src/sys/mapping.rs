//! Memory that processes share.
#![expect(unsafe_code, reason = "maps memory")]

use core::ptr::{self, NonNull};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A run of zeroed bytes without a name, which whoever has it can map: also twice.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    file: OwnedFd,
    bytes: usize,
}

impl SharedMemory {
    /// Makes one of `bytes` bytes, all of them reserved.
    ///
    /// # Errors
    ///
    /// Those of the system: no descriptor or no memory is left.
    pub(crate) fn create(bytes: usize) -> io::Result<Self> {
        // SAFETY: the name is a string that ends in a zero.
        let file = unsafe { libc::memfd_create(c"aquifer".as_ptr(), libc::MFD_CLOEXEC) };
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        let length = bytes.try_into().map_err(io::Error::other)?;
        // SAFETY: the call takes a descriptor and two numbers.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
            0 => Ok(Self { file, bytes }),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Maps it once more, for good.
    ///
    /// # Errors
    ///
    /// Those of `mmap`.
    pub(crate) fn map(&self) -> io::Result<NonNull<u8>> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let file = self.file.as_raw_fd();
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start = unsafe {
            libc::mmap(ptr::null_mut(), self.bytes, protection, libc::MAP_SHARED, file, 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }
}
