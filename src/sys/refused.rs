//! `Refused`: why a file is not mapped.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use std::io;

/// What is wrong with a file that was to be mapped.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The name is that of a symbolic link, or too many lead to it.
    Symlink,
    /// It is a directory, a pipe, a device or a socket.
    NotRegular,
    /// It belongs to another user, who may change it at any time.
    Owner { found: u32, expected: u32 },
    /// Its group or others may do something with it.
    Mode { found: u32 },
    /// There is nothing in it.
    Empty,
    /// Whoever has it can make it shorter, and touching what is gone is a SIGBUS.
    Unsealed,
    /// The system has refused it.
    System(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Symlink => f.write_str("it is a symbolic link"),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::Owner { found, expected } => {
                write!(f, "it belongs to user {found}, and not to user {expected}")
            }
            Self::Mode { found } => {
                write!(f, "its mode is {found:04o}, which permits more than its owner")
            }
            Self::Empty => f.write_str("it is empty"),
            Self::Unsealed => f.write_str("it is not sealed against shrinking"),
            Self::System(error) => write!(f, "the system refused it: {error}"),
        }
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ELOOP) => Self::Symlink,
            // To open a directory for writing, or a socket.
            Some(libc::EISDIR | libc::ENXIO) => Self::NotRegular,
            _ => Self::System(error),
        }
    }
}
