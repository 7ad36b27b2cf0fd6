//! `Backing`: where the memory of a heap comes from.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

use crate::shared::heap::attach_error::AttachError;
use crate::sys::place::Place;

/// Where the memory of a heap comes from, and who can find it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[doc(alias = "ngx_shm_alloc")]
pub enum Backing {
    /// A file without a name, whose length nobody can change. Forked children have it, and processes
    /// to which its descriptor is passed. Nothing is left of it when the last of them has died.
    Memfd,
    /// Memory without a descriptor: forked children have it, and nobody else.
    MapAnon,
    /// As [`Backing::MapAnon`], by `/dev/zero`.
    DevZero,
    /// As [`Backing::MapAnon`], by a System V segment, which is removed as soon as it is attached. A process that is
    /// killed before leaves it behind; whenever a process of this user makes a heap of this kind, it removes such
    /// segments of this crate first: those that nobody has attached, and whose makers are dead and were waited for.
    /// (It cannot tell that of makers in another pid namespace, and leaves theirs alone.)
    SysV,
    /// A POSIX name, such as `/sessions`: any process of this user can open it, until it is unlinked or
    /// the machine is restarted.
    Posix(String),
    /// A file: any process of this user can open it, until it is removed.
    File(PathBuf),
}

impl Backing {
    /// The place of its file; none if it has no name.
    pub(crate) fn place(&self) -> Result<Option<Place>, AttachError> {
        let place = match self {
            Self::Posix(name) => Place::of_name(name.as_ref()),
            Self::File(path) => Place::of_path(path),
            Self::Memfd | Self::MapAnon | Self::DevZero | Self::SysV => return Ok(None),
        };
        place.map(Some).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => AttachError::Name,
            _ => AttachError::System(error),
        })
    }
}
