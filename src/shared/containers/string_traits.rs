//! What a `ShmString` has in common with `str`.
#![forbid(unsafe_code)]

use core::borrow::{Borrow, BorrowMut};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use super::string::ShmString;
use super::try_clone::TryClone;
use crate::error::AllocError;

impl Deref for ShmString {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl DerefMut for ShmString {
    #[inline]
    fn deref_mut(&mut self) -> &mut str {
        self.as_mut_str()
    }
}

impl AsRef<str> for ShmString {
    fn as_ref(&self) -> &str {
        self
    }
}

impl AsRef<[u8]> for ShmString {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<OsStr> for ShmString {
    fn as_ref(&self) -> &OsStr {
        self.as_str().as_ref()
    }
}

impl AsRef<Path> for ShmString {
    fn as_ref(&self) -> &Path {
        self.as_str().as_ref()
    }
}

impl AsMut<str> for ShmString {
    fn as_mut(&mut self) -> &mut str {
        self
    }
}

impl Borrow<str> for ShmString {
    fn borrow(&self) -> &str {
        self
    }
}

impl BorrowMut<str> for ShmString {
    fn borrow_mut(&mut self) -> &mut str {
        self
    }
}

/// Adds text, all of it or none: an error says that there is no room for it.
impl fmt::Write for ShmString {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text).map_err(|_| fmt::Error)
    }
}

impl fmt::Display for ShmString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for ShmString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// The same as that of `str`.
impl Hash for ShmString {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// Compares strings with what else lends a `str`.
macro_rules! compares {
    ($($one:ty, $other:ty;)*) => {
        $(
            impl PartialEq<$other> for $one {
                fn eq(&self, other: &$other) -> bool {
                    self[..] == other[..]
                }
            }
        )*
    };
}

compares! {
    ShmString, str;
    ShmString, &str;
    ShmString, String;
    ShmString, Cow<'_, str>;
    str, ShmString;
    &str, ShmString;
    String, ShmString;
    Cow<'_, str>, ShmString;
}

impl TryClone for ShmString {
    fn try_clone(&self) -> Result<Self, AllocError> {
        Ok(Self { bytes: self.bytes.try_clone()? })
    }
}
