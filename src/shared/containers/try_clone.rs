//! `TryClone`: copies for which there may be no room.
#![forbid(unsafe_code)]

use crate::error::AllocError;

/// Makes a copy of a value, with all that it owns.
///
/// What owns memory of a [`SharedHeap`](crate::SharedHeap) is copied into that heap, which may be full; so
/// it cannot be `Clone`. Whatever is `Clone` is `TryClone`, too, and so is a type of one's own that says how:
///
/// ```
/// use aquifer::{AllocError, Backing, SharedHeap, ShmString, TryClone};
///
/// struct User { id: u64, name: ShmString }
///
/// impl TryClone for User {
///     fn try_clone(&self) -> Result<Self, AllocError> {
///         Ok(Self { id: self.id, name: self.name.try_clone()? })
///     }
/// }
/// # let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// # let user = User { id: 7, name: ShmString::from_str_in("Ada", &heap)? };
/// assert_eq!(user.try_clone()?.name, "Ada");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// An `Option` of such is copied by `option.as_ref().map(TryClone::try_clone).transpose()?`.
pub trait TryClone: Sized {
    /// Makes a copy.
    ///
    /// # Errors
    ///
    /// There is no room for it. Nothing is left of what was copied so far.
    fn try_clone(&self) -> Result<Self, AllocError>;
}

// There is none for an `Option` or an array of what is only `TryClone`: `Option<u8>` would have two.
impl<T: Clone> TryClone for T {
    #[inline]
    fn try_clone(&self) -> Result<Self, AllocError> {
        Ok(self.clone())
    }
}
