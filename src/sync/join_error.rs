//! `JoinError`: why a process is no participant.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use std::io;

/// Why a process is not among those that share the memory of a lock.
#[derive(Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// All slots are taken by processes that live. The capacity was chosen when the heap was made.
    TableFull {
        /// The number of slots.
        capacity: u32,
    },
    /// The lock does not lie in memory that this process has attached: it is in private memory, or the
    /// memory was mapped by other means.
    NotAttached,
    /// The system refused what a participant needs: a thread, a robust list, a barrier, or memory
    /// that a fork wipes (Linux 4.16 has them all).
    System(io::Error),
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableFull { capacity } => {
                write!(
                    f,
                    "all {capacity} slots for participants are taken by living processes; `HeapOptions::participants` says how many"
                )
            }
            Self::NotAttached => {
                f.write_str("the lock lies in no shared memory that this process has attached")
            }
            Self::System(error) => {
                write!(f, "the system refused what a participant needs: {error}")
            }
        }
    }
}

impl Error for JoinError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::TableFull { .. } | Self::NotAttached => None,
        }
    }
}
