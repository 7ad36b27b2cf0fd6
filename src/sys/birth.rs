//! `Birth`: what a file is told from its copies by.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

/// When a file was made, and under which number.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Birth {
    /// That of its inode, which another file may have later; 0 for memory without a file.
    pub(crate) inode: u64,
    /// The nanoseconds since 1970; 0 where the file system does not know them, or this program cannot ask.
    pub(crate) nanoseconds: u64,
}

impl Birth {
    /// # Errors
    ///
    /// Those of `fstat`.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let status = file.metadata()?;
        let time = status.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let nanoseconds = time.map_or(0, |time| time.as_nanos() as u64);
        Ok(Self { inode: status.ino(), nanoseconds })
    }

    /// Whether both can be of one file. Programs that share it may be built with libraries of which only one can ask
    /// for the time: the number decides alone then.
    pub(crate) fn may_be(self, other: Self) -> bool {
        let are_known = self.nanoseconds != 0 && other.nanoseconds != 0;
        self.inode == other.inode && !(are_known && self.nanoseconds != other.nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_for_those_who_cannot_ask_when_it_was_made() {
        let birth = |inode, nanoseconds| Birth { inode, nanoseconds };
        assert!(birth(1, 5).may_be(birth(1, 5)));
        assert!(birth(1, 5).may_be(birth(1, 0)) && birth(1, 0).may_be(birth(1, 5)));
        assert!(!birth(1, 5).may_be(birth(1, 6)));
        assert!(!birth(1, 5).may_be(birth(2, 5)) && !birth(1, 0).may_be(birth(2, 0)));
    }
}
