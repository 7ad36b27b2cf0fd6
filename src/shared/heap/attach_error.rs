//! `AttachError`: why a heap was not made, or not attached.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use std::io;

use super::heap_damage::HeapDamage;
use crate::slab::slab::Slab;
use crate::sync::join_error::JoinError;
use crate::sync::owner::Owner;
use crate::sys::refused::Refused;

/// Why [`SharedHeap`](crate::SharedHeap) was not created or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttachError {
    /// It was to be made with fewer bytes than its tables and one page take.
    TooSmall {
        /// The fewest bytes for as many participants.
        minimum: usize,
    },
    /// It was to be made with more bytes, or for more participants, than can be told apart.
    TooLarge,
    /// It is no name: of shared memory one with 1 to 255 bytes, without slashes but at the beginning; of a
    /// file a path that ends with a name.
    Name,
    /// There is one by this name already.
    Exists,
    /// There is none by this name.
    NotFound,
    /// The name stands for a symbolic link.
    Symlink,
    /// The name or descriptor stands for no regular file.
    NotAFile,
    /// The file is another user's, who could make this process do anything.
    ForeignOwner {
        /// The user id of its owner.
        found: u32,
        /// That of this process.
        expected: u32,
    },
    /// Others than its owner may read or write the file.
    WideMode {
        /// The permission bits that it has.
        found: u32,
    },
    /// The descriptor is of memory that somebody could cut off while it is mapped.
    Unsealed,
    /// The bytes are not those of a heap.
    NoHeap,
    /// It was made by another version of this crate, which lays heaps out differently.
    Format {
        /// Its version of the format.
        found: u32,
        /// That of this crate.
        expected: u32,
    },
    /// It was made by a machine that stores numbers the other way round.
    ByteOrder,
    /// It was made by a program with pointers of another size.
    PointerBytes {
        /// The bytes of a pointer there.
        found: u32,
        /// The bytes of a pointer here.
        expected: u32,
    },
    /// It has pages of another size.
    PageBytes {
        /// The bytes of a page there.
        found: u32,
        /// The bytes of a page here.
        expected: u32,
    },
    /// It is not as long as it says: somebody has cut it off, or it was copied in part.
    Length {
        /// The bytes that there are.
        found: u64,
        /// The bytes that it says it has.
        expected: u64,
    },
    /// It is of a time before the machine was started: nobody can tell whether what was written last is
    /// in it. Unlink it, and make a new one.
    OtherBoot,
    /// The file is a copy of a heap's, or was moved to another file system: what is in it leads to the original,
    /// and whoever is alive there is not here. It can be [looked at](crate::HeapView). What nobody can see is that a
    /// file was overwritten, or comes from a snapshot of the whole file system; nor, where the time at which files
    /// were made cannot be asked for, that a copy has by chance the inode number of its original.
    Copied,
    /// Another heap that this process has attached has the same number, as one in a million has. Unlink it,
    /// and make a new one.
    NumberTaken,
    /// Its tables are what no sequence of operations leaves behind.
    Damaged(HeapDamage),
    /// This process cannot be a participant.
    NotJoined(JoinError),
    /// The system refused it: no memory, no descriptor, no permission.
    System(io::Error),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { minimum } => {
                write!(f, "a heap for so many participants takes at least {minimum} bytes")
            }
            Self::TooLarge => {
                let (bytes, participants) = (Slab::MAX_BYTES >> 40, Owner::MAX_SLOTS);
                write!(f, "a heap has at most {bytes} TiB and {participants} participants")
            }
            Self::Name => f.write_str("it is no name of shared memory or of a file"),
            Self::Exists => f.write_str("there is a heap or another file by this name already"),
            Self::NotFound => f.write_str("there is no heap by this name"),
            Self::Symlink => f.write_str("the name stands for a symbolic link"),
            Self::NotAFile => f.write_str("what is to be a heap is no regular file"),
            Self::ForeignOwner { found, expected } => {
                write!(f, "the file is user {found}'s, and this process is of user {expected}")
            }
            Self::WideMode { found } => {
                write!(f, "others may use the file: its mode is {found:#o} instead of 0o600; chmod it")
            }
            Self::Unsealed => f.write_str("the memory is not sealed against shrinking"),
            Self::NoHeap => f.write_str("the bytes are not those of a heap"),
            Self::Format { found, expected } => {
                write!(f, "the heap has version {found} of the format, and this program {expected}")
            }
            Self::ByteOrder => f.write_str("the heap is of a machine with another byte order"),
            Self::PointerBytes { found, expected } => {
                write!(f, "the heap is of a program with pointers of {found} bytes, not {expected}")
            }
            Self::PageBytes { found, expected } => {
                write!(f, "the heap has pages of {found} bytes, and this program of {expected}")
            }
            Self::Length { found, expected } => {
                write!(f, "the heap has {found} bytes, and says that it has {expected}")
            }
            Self::OtherBoot => f.write_str(
                "the heap is of a time before this machine was started; unlink it and make a new one",
            ),
            Self::Copied => {
                f.write_str("the file is a copy of a heap's; unlink it and make a new one")
            }
            Self::NumberTaken => f.write_str(
                "another heap with the same number is attached in this process; unlink one and make it anew",
            ),
            Self::Damaged(damage) => damage.fmt(f),
            Self::NotJoined(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refused it: {error}"),
        }
    }
}

impl Error for AttachError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(damage) => Some(damage),
            Self::NotJoined(error) => Some(error),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<JoinError> for AttachError {
    fn from(error: JoinError) -> Self {
        Self::NotJoined(error)
    }
}

impl From<io::Error> for AttachError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::System(error),
        }
    }
}

impl From<Refused> for AttachError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Symlink => Self::Symlink,
            Refused::NotRegular => Self::NotAFile,
            Refused::Owner { found, expected } => Self::ForeignOwner { found, expected },
            Refused::Mode { found } => Self::WideMode { found },
            Refused::Empty => Self::NoHeap,
            Refused::Unsealed => Self::Unsealed,
            Refused::System(error) => error.into(),
        }
    }
}
