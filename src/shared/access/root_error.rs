//! `RootError`: why a root was not found, made or removed.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;

use crate::shared::heap::heap_damage::HeapDamage;
use crate::shared::heap::held::Unusable;
use crate::sync::join_error::JoinError;

/// Why there is no [`Root`](crate::Root).
#[derive(Debug)]
#[non_exhaustive]
pub enum RootError {
    /// There is none by this name.
    NotFound,
    /// Its type is another: it has another name or version, or other parts.
    Type {
        /// The type that was asked for.
        expected: String,
        /// The type that the root has, as the process has called it that made it.
        found: String,
    },
    /// The name is empty, or has more than 255 bytes.
    Name,
    /// There is no room for it.
    Full,
    /// Somebody has written into the tables of the heap.
    Damaged(HeapDamage),
    /// This process is no participant.
    NotJoined(JoinError),
    /// A signal handler has called this while its thread was in the middle of another call.
    Interrupted,
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no root by this name"),
            Self::Type { expected, found } if expected == found => {
                write!(
                    f,
                    "the root's {found} has other parts, or another version, than this program's"
                )
            }
            Self::Type { expected, found } => {
                write!(f, "the root is of type {found}, and not {expected}")
            }
            Self::Name => f.write_str("the name of a root has 1 to 255 bytes"),
            Self::Full => f.write_str("there is no room for the root"),
            Self::Damaged(damage) => damage.fmt(f),
            Self::NotJoined(error) => error.fmt(f),
            Self::Interrupted => f.write_str("a signal handler cannot use the heap"),
        }
    }
}

impl Error for RootError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Damaged(damage) => Some(damage),
            Self::NotJoined(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Unusable> for RootError {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Damaged(damage) => Self::Damaged(damage.into()),
            Unusable::NotJoined(error) => Self::NotJoined(error),
            // Who asks for a root waits without an end, so the lock is refused to a thread alone that has it.
            Unusable::Interrupted | Unusable::Kept => Self::Interrupted,
        }
    }
}
