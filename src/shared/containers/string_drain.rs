//! `ShmStringDrain`: characters on their way out of a string.
#![forbid(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;

use super::string::ShmString;

/// The characters of a range, on their way out of a string: see [`ShmString::drain`].
pub struct ShmStringDrain<'a> {
    string: &'a mut ShmString,
    /// What the string loses at last.
    range: Range<usize>,
    /// What is still to come of it.
    rest: Range<usize>,
}

impl<'a> ShmStringDrain<'a> {
    /// The range begins and ends between characters.
    pub(super) fn new(string: &'a mut ShmString, range: Range<usize>) -> Self {
        Self { string, rest: range.clone(), range }
    }
}

impl ShmStringDrain<'_> {
    /// Returns what is still to come.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.string[self.rest.clone()]
    }
}

impl Iterator for ShmStringDrain<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let first = self.as_str().chars().next()?;
        self.rest.start += first.len_utf8();
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.as_str().chars().size_hint()
    }
}

impl DoubleEndedIterator for ShmStringDrain<'_> {
    fn next_back(&mut self) -> Option<char> {
        let last = self.as_str().chars().next_back()?;
        self.rest.end -= last.len_utf8();
        Some(last)
    }
}

impl FusedIterator for ShmStringDrain<'_> {}

impl Drop for ShmStringDrain<'_> {
    fn drop(&mut self) {
        // Less text needs no memory.
        let _ = self.string.splice(self.range.clone(), "");
    }
}

impl fmt::Debug for ShmStringDrain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShmStringDrain").field(&self.as_str()).finish()
    }
}
