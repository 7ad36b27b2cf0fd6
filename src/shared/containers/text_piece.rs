//! `TextPiece`: what strings are made of, one piece behind another.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use super::string::ShmString;

/// A character or text: what [`ShmString::try_extend`] and [`ShmString::from_iter_in`] put one behind another.
///
/// A type of one's own may be one, too:
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmString, TextPiece};
///
/// enum Key { Letter(char), Enter }
///
/// impl TextPiece for Key {
///     fn as_text<'a>(&'a self, room: &'a mut [u8; 4]) -> &'a str {
///         match self { Key::Letter(letter) => letter.encode_utf8(room), Key::Enter => "\r\n" }
///     }
/// }
/// # let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let line = ShmString::from_iter_in([Key::Letter('→'), Key::Enter], &heap)?;
/// assert_eq!(line, "→\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait TextPiece {
    /// Returns the text, which may be written into `room`.
    fn as_text<'a>(&'a self, room: &'a mut [u8; 4]) -> &'a str;
}

impl TextPiece for char {
    #[inline]
    fn as_text<'a>(&'a self, room: &'a mut [u8; 4]) -> &'a str {
        self.encode_utf8(room)
    }
}

macro_rules! text {
    ($($text:ty),*) => {
        $(
            impl TextPiece for $text {
                #[inline]
                fn as_text<'a>(&'a self, _: &'a mut [u8; 4]) -> &'a str {
                    self
                }
            }
        )*
    };
}

text!(str, String, Cow<'_, str>, ShmString);

impl<T: TextPiece + ?Sized> TextPiece for &T {
    #[inline]
    fn as_text<'a>(&'a self, room: &'a mut [u8; 4]) -> &'a str {
        T::as_text(self, room)
    }
}
