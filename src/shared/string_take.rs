//! What takes text out of a `ShmString`.
#![expect(unsafe_code, reason = "changes bytes that are to be UTF-8")]

use core::ptr::NonNull;
use core::str;

use super::string::ShmString;

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
    pub fn remove(&mut self, index: usize) -> char {
        self.assert_boundary(index);
        let Some(character) = self[index..].chars().next() else {
            panic!("cannot remove the character at {index}: the text ends there");
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
    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            self.assert_boundary(length);
            self.bytes.truncate(length);
        }
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
