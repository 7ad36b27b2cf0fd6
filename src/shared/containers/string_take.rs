//! What takes text out of a `ShmString`.
#![expect(unsafe_code, reason = "changes bytes that are to be UTF-8")]

use core::ops::RangeBounds;
use core::ptr::NonNull;
use core::str;

use super::string::ShmString;
use super::string_drain::ShmStringDrain;
use crate::error::AllocError;

impl ShmString {
    /// Takes the last character; none if there is no text.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.bytes.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Takes the character that begins at `index`.
    ///
    /// # Panics
    ///
    /// Panics if `index` lies within a character, or at or behind the end.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> char {
        self.assert_boundary(index);
        let Some(character) = self[index..].chars().next() else {
            panic!("cannot remove a char from the end of a string");
        };
        // Less text needs no memory.
        let _ = self.splice(index..index + character.len_utf8(), "");
        character
    }

    /// Shortens the text to `length` bytes, if it has more.
    ///
    /// # Panics
    ///
    /// Panics if `length` lies within a character.
    #[track_caller]
    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            self.assert_boundary(length);
            self.bytes.truncate(length);
        }
    }

    /// Takes the text from the byte at `at` on, into a string of its own in the same heap.
    ///
    /// # Errors
    ///
    /// There is no room for it: it is where it was.
    ///
    /// # Panics
    ///
    /// Panics if `at` lies within a character, or behind the end.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut key = ShmString::from_str_in("colour=blue", &heap)?;
    /// let value = key.split_off(7)?;
    /// assert_eq!((key.as_str(), value.as_str()), ("colour=", "blue"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Result<Self, AllocError> {
        self.assert_boundary(at);
        Ok(Self { bytes: self.bytes.split_off(at)? })
    }

    /// Takes the characters of a range of bytes, which are those that the iterator gives. They leave the text
    /// when the iterator is dropped, all of them: until then it stays as it is, also if the process dies or
    /// the iterator is forgotten.
    ///
    /// # Panics
    ///
    /// Panics if the range starts or ends within a character, or ends before it starts or behind the end.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut text = ShmString::from_str_in("α is alpha, β is beta", &heap)?;
    /// assert_eq!(text.drain(..13).rev().nth(1), Some(','));
    /// assert_eq!(text, "β is beta");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> ShmStringDrain<'_> {
        let range = self.boundaries(range);
        ShmStringDrain::new(self, range)
    }

    /// Takes all text out. Its room stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Keeps the characters for which `keep` says so. If that panics, the text ends with the last one that
    /// was kept.
    pub fn retain(&mut self, mut keep: impl FnMut(char) -> bool) {
        let removed = self.char_indices().find(|&(_, character)| !keep(character));
        let Some((mut kept, removed)) = removed else { return };
        let (length, mut next) = (self.len(), kept + removed.len_utf8());
        // Behind the end nobody sees what is moved about.
        self.bytes.truncate(kept);
        while next < length {
            let place = self.bytes.buffer.places(next, length - next);
            let rest = NonNull::slice_from_raw_parts(place, length - next);
            // SAFETY: so many bytes are there, which were text.
            let rest = unsafe { rest.as_ref() };
            // SAFETY: the text went up to there, and nothing has been written behind `next`.
            let rest = unsafe { str::from_utf8_unchecked(rest) };
            let Some(character) = rest.chars().next() else { break };
            let bytes = character.len_utf8();
            if keep(character) {
                // SAFETY: there was text up to `length`.
                unsafe { self.bytes.buffer.shift(next, kept, bytes) };
                kept += bytes;
                // SAFETY: a whole character was copied just now.
                unsafe { self.bytes.buffer.set_len(kept) };
            }
            next += bytes;
        }
    }
}
