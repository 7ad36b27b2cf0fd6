//! A `ShmString` that is made of many pieces of text, or extended by them.
#![forbid(unsafe_code)]

use super::string::ShmString;
use super::text_piece::TextPiece;
use crate::error::{AllocError, InsertError};
use crate::shared::access::shared_heap::SharedHeap;

impl ShmString {
    /// Makes a string of all characters or pieces of text that an iterator gives.
    ///
    /// # Errors
    ///
    /// There is no room for them. What it has given is dropped; to keep that, there is
    /// [`try_extend`](Self::try_extend).
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let text = ShmString::from_iter_in("desserts".chars().rev(), &heap)?;
    /// assert_eq!(text, "stressed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_iter_in<P: TextPiece>(
        pieces: impl IntoIterator<Item = P>,
        heap: &SharedHeap,
    ) -> Result<Self, AllocError> {
        let mut string = Self::new_in(heap);
        string.try_extend(pieces)?;
        Ok(string)
    }

    /// Adds all characters or pieces of text that an iterator gives, one behind another. A process that dies
    /// has added some of them, each as a whole.
    ///
    /// # Errors
    ///
    /// There is no room for one of them: the error gives that one back. Those before it are added, and those
    /// behind it are still in the iterator, if it was lent by [`Iterator::by_ref`].
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap, ShmString};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut text = ShmString::from_str_in("one", &heap)?;
    /// text.try_extend([", two", ", three"])?;
    /// text.try_extend(['.'; 3])?;
    /// assert_eq!(text, "one, two, three...");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_extend<P: TextPiece>(
        &mut self,
        pieces: impl IntoIterator<Item = P>,
    ) -> Result<(), InsertError<P>> {
        let mut pieces = pieces.into_iter();
        // Most pieces have a byte. If there is no room for all of them there may be for some.
        let _ = self.reserve(pieces.size_hint().0);
        pieces.try_for_each(|piece| {
            let added = self.push_str(piece.as_text(&mut [0; 4]));
            added.map_err(|AllocError| InsertError::new(piece))
        })
    }
}
