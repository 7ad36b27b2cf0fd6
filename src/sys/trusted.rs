//! Files that others have made: what must be true of one before it is mapped.
//!
//! A reference into memory that a stranger may write is undefined behaviour, and to touch what a
//! stranger has cut off is a SIGBUS.
#![expect(unsafe_code, reason = "asks who this process is")]

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use super::file;
use super::mapping::{Access, Memory};
use super::refused::Refused;

/// Who may write a file besides this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trust {
    /// The effective user of this process, and nobody else: owner and mode are checked.
    OwnUser,
    /// Whoever may: the caller vouches for them.
    Vouched,
}

impl Memory {
    /// Maps a file whose descriptor was passed to this process. It must be sealed against shrinking, and whoever
    /// has it was given it by its owner, who is looked at; or a regular file as [`Place::open`](super::place::Place::open)
    /// takes it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn from_fd(
        descriptor: OwnedFd,
        access: Access,
        trust: Trust,
    ) -> Result<Self, Refused> {
        let file = File::from(descriptor);
        match file::seals(&file) {
            Some(seals) if seals & libc::F_SEAL_SHRINK != 0 => {
                let status = file.metadata()?;
                if trust == Trust::OwnUser {
                    check_owner(&status)?;
                }
                Self::whole(file, &status, access)
            }
            // Files on a tmpfs have seals, too, and they all say that none can be added.
            Some(_) if file::is_memfd(&file)? => Err(Refused::Unsealed),
            _ => Self::from_file(file, access, trust),
        }
    }

    /// Maps a regular file.
    pub(super) fn from_file(file: File, access: Access, trust: Trust) -> Result<Self, Refused> {
        let status = file.metadata()?;
        if !status.is_file() {
            return Err(Refused::NotRegular);
        }
        if trust == Trust::OwnUser {
            check_owner(&status)?;
            check_mode(&status)?;
        }
        Self::whole(file, &status, access)
    }

    /// Maps all of a file, with whatever holes it has filled.
    fn whole(file: File, status: &Metadata, access: Access) -> Result<Self, Refused> {
        let bytes = length(status)?;
        if access == Access::ReadWrite {
            file::fill_holes(&file, status)?;
        }
        Ok(Self::of_file(file, bytes, access)?)
    }
}

fn check_owner(status: &Metadata) -> Result<(), Refused> {
    // SAFETY: the call takes nothing and cannot fail.
    let expected = unsafe { libc::geteuid() };
    let found = status.uid();
    if found == expected { Ok(()) } else { Err(Refused::Owner { found, expected }) }
}

fn check_mode(status: &Metadata) -> Result<(), Refused> {
    const OF_GROUP_AND_OTHERS: u32 = 0o077;
    const ALL_BITS: u32 = 0o7777;
    let found = status.mode() & ALL_BITS;
    if found & OF_GROUP_AND_OTHERS == 0 { Ok(()) } else { Err(Refused::Mode { found }) }
}

/// Returns how many bytes a file has, if they can be mapped.
fn length(status: &Metadata) -> Result<usize, Refused> {
    match usize::try_from(status.len()) {
        Ok(0) => Err(Refused::Empty),
        Ok(bytes) => Ok(bytes),
        Err(_) => Err(Refused::System(io::ErrorKind::FileTooLarge.into())),
    }
}
