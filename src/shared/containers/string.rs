//! `ShmString`: text in a heap.
#![expect(unsafe_code, reason = "changes bytes that are to be UTF-8")]

use core::ops::{Range, RangeBounds};
use core::ptr::NonNull;
use core::str;

use super::from_utf8_error::FromUtf8Error;
use super::ranges;
use super::vec::ShmVec;
use crate::error::AllocError;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::{NicheOption, ShmSafe};

/// Text in a [`SharedHeap`], UTF-8, which may grow: as `String` is in the memory of a process.
///
/// It has eight bytes, and so has an `Option` of it. It may be moved, and may lie in private memory as well
/// as in any heap: it is a [`ShmVec`] of bytes.
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmString};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let mut text = ShmString::from_str_in("under the", &heap)?;
/// text.push_str(" hill")?;
/// assert_eq!(text, "under the hill");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What adds text adds all of it, or none.
///
/// # When a process dies
///
/// A process may be killed at any instruction. A string that it was changing meanwhile, under a lock, is in
/// order, and it is UTF-8: while the end of the text is moved about, the text ends before. So the end is
/// lost at worst.
///
/// # Who writes elsewhere
///
/// A program that writes into the heap past this type, by a stray pointer or on purpose, can make it hold
/// bytes that are not UTF-8. This type does not look: like the elements of a [`ShmVec`], they are as those
/// who share the heap have left them, and these are to be trusted.
///
/// # Panics
///
/// As those of [`ShmVec`].
#[derive(PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct ShmString {
    pub(super) bytes: ShmVec<u8>,
}

impl ShmString {
    /// Makes a string without text, which takes no memory.
    #[must_use]
    pub fn new_in(heap: &SharedHeap) -> Self {
        Self { bytes: ShmVec::new_in(heap) }
    }

    /// Makes a string with room for so many bytes.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn with_capacity_in(capacity: usize, heap: &SharedHeap) -> Result<Self, AllocError> {
        Ok(Self { bytes: ShmVec::with_capacity_in(capacity, heap)? })
    }

    /// Makes a string of a copy of text.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn from_str_in(text: &str, heap: &SharedHeap) -> Result<Self, AllocError> {
        let mut string = Self::with_capacity_in(text.len(), heap)?;
        string.push_str(text)?;
        Ok(string)
    }

    /// Makes a string of bytes, where they are.
    ///
    /// # Errors
    ///
    /// They are not UTF-8: the error gives them back.
    pub fn from_utf8(bytes: ShmVec<u8>) -> Result<Self, FromUtf8Error> {
        match str::from_utf8(&bytes) {
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err(FromUtf8Error { bytes, error }),
        }
    }

    /// Returns the heap that it has its text in.
    ///
    /// # Panics
    ///
    /// Panics if the heap is not attached in this process.
    #[must_use]
    pub fn heap(&self) -> SharedHeap {
        self.bytes.heap()
    }

    /// Returns the bytes, where they are.
    #[must_use]
    pub fn into_bytes(self) -> ShmVec<u8> {
        self.bytes
    }

    /// Returns the text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        // SAFETY: each function here leaves UTF-8.
        unsafe { str::from_utf8_unchecked(&self.bytes) }
    }

    /// Returns the text, to be changed where it is.
    #[inline]
    #[must_use]
    pub fn as_mut_str(&mut self) -> &mut str {
        // SAFETY: each function here leaves UTF-8, and so does whoever has a `&mut str`.
        unsafe { str::from_utf8_unchecked_mut(&mut self.bytes) }
    }

    /// Returns how many bytes there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for at least so many more bytes: see [`ShmVec::reserve`].
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.bytes.reserve(additional)
    }

    /// Makes room for so many more bytes, and for as few others as there can be: see
    /// [`ShmVec::reserve_exact`].
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        self.bytes.reserve_exact(additional)
    }

    /// Gives back the room that no text is in: see [`ShmVec::shrink_to_fit`].
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Adds a character at the end.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    pub fn push(&mut self, character: char) -> Result<(), AllocError> {
        self.push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Adds text at the end.
    ///
    /// # Errors
    ///
    /// There is no room for all of it, and nothing has changed.
    #[inline]
    pub fn push_str(&mut self, text: &str) -> Result<(), AllocError> {
        let end = self.len();
        self.splice(end..end, text)
    }

    /// Adds a character before the byte at `index`, or at the end.
    ///
    /// # Errors
    ///
    /// There is no room for it.
    ///
    /// # Panics
    ///
    /// Panics if `index` lies within a character, or behind the end.
    #[track_caller]
    pub fn insert(&mut self, index: usize, character: char) -> Result<(), AllocError> {
        self.insert_str(index, character.encode_utf8(&mut [0; 4]))
    }

    /// Adds text before the byte at `index`, or at the end.
    ///
    /// # Errors
    ///
    /// There is no room for all of it, and nothing has changed.
    ///
    /// # Panics
    ///
    /// Panics if `index` lies within a character, or behind the end.
    #[track_caller]
    pub fn insert_str(&mut self, index: usize, text: &str) -> Result<(), AllocError> {
        self.assert_boundary(index);
        self.splice(index..index, text)
    }

    /// Puts text in the place of a range of bytes.
    ///
    /// # Errors
    ///
    /// There is no room for all of it, and nothing has changed.
    ///
    /// # Panics
    ///
    /// Panics if the range starts or ends within a character, or ends before it starts or behind the end.
    #[track_caller]
    pub fn replace_range(
        &mut self,
        range: impl RangeBounds<usize>,
        text: &str,
    ) -> Result<(), AllocError> {
        let range = self.boundaries(range);
        self.splice(range, text)
    }

    /// Puts text in the place of a range, which begins and ends between characters.
    pub(super) fn splice(&mut self, range: Range<usize>, text: &str) -> Result<(), AllocError> {
        if range.is_empty() && text.is_empty() {
            return Ok(());
        }
        let (length, buffer) = (self.len(), &mut self.bytes.buffer);
        buffer.reserve(text.len().saturating_sub(range.len()))?;
        let tail = length - range.end;
        if tail > 0 || !range.is_empty() {
            // SAFETY: the text before the range is as it was.
            unsafe { buffer.set_len(range.start) };
            // SAFETY: there is room for it behind the new text.
            unsafe { buffer.shift(range.end, range.start + text.len(), tail) };
        }
        let place = buffer.places(range.start, text.len());
        let source = NonNull::from(text.as_bytes()).cast();
        // SAFETY: there is room for it. A text that is borrowed is elsewhere, but where somebody has written into
        // the tables, one block may be the other.
        unsafe { place.copy_from(source, text.len()) };
        // SAFETY: the text before the range, the new text and the text behind the range.
        unsafe { buffer.set_len(range.start + text.len() + tail) };
        Ok(())
    }

    /// Which bytes a range means, which begins and ends between characters.
    #[track_caller]
    pub(super) fn boundaries(&self, range: impl RangeBounds<usize>) -> Range<usize> {
        let range = ranges::within(range, self.len());
        self.assert_boundary(range.start);
        self.assert_boundary(range.end);
        range
    }

    #[track_caller]
    pub(super) fn assert_boundary(&self, index: usize) {
        let length = self.len();
        assert!(index <= length, "byte index {index} is out of bounds of text of {length} bytes");
        assert!(self.is_char_boundary(index), "byte index {index} is not a char boundary");
    }
}

// SAFETY: it is a vector of bytes, `repr(transparent)`, which are UTF-8 in every process.
unsafe impl ShmSafe for ShmString {
    const SCHEMA: Schema = Schema::new::<Self>("ShmString");
}

// SAFETY: `repr(transparent)` around a vector, which is so around a `NonZero` number.
unsafe impl NicheOption for ShmString {}
