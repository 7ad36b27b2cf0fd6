//! `ShmVec`: elements in a heap, one behind another.
#![expect(unsafe_code, reason = "reads and writes elements in a heap")]

use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::boxed::lost;
use super::buffer::Buffer;
use super::moves;
use super::try_clone::TryClone;
use crate::error::{AllocError, InsertError};
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::{NicheOption, ShmSafe};

/// Elements in a [`SharedHeap`], one behind another, and as many as there is room for: as `Vec` has them in
/// the memory of a process.
///
/// It has eight bytes, which name the heap and the place there; so it may be moved, and may lie in private
/// memory as well as in any heap. All processes that have attached its heap find the same elements by it.
/// An `Option` of it has eight bytes, too.
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmVec};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let mut numbers = ShmVec::from_slice_in(&[3_u32, 1, 2], &heap)?;
/// numbers.push(4)?;
/// numbers.sort();
/// assert_eq!(numbers, [1, 2, 3, 4]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # When a process dies
///
/// A process may be killed at any instruction. A vector that it was changing meanwhile, under a lock, is
/// in order: it counts only elements that were written, and has a block of its own. Each operation that adds
/// or takes elements ends with one store of the length. Elements that were on their way are lost at worst, and
/// so is what they own: of an [`insert`](Self::insert) it may be the last element, which already lies behind
/// the end. What is dropped ([`clear`](Self::clear), [`truncate`](Self::truncate), [`retain`](Self::retain),
/// the vector itself) leaves the vector one by one, the last first, so that a death in the middle of it loses
/// one element, and the rest is still there.
///
/// The elements are another matter. [`insert`](Self::insert), [`remove`](Self::remove),
/// [`swap_remove`](Self::swap_remove), [`drain`](Self::drain), [`retain`](Self::retain) and the like move
/// them about, and in the middle of it **one may be there twice**. For numbers that is no harm. Two boxes that
/// own the same value are: drop one, and the other dangles. That is why safe code cannot look at what a dead
/// owner has left, but for data that is [`KillSafe`](crate::KillSafe), which no vector is. Whoever looks
/// nevertheless, after [`OwnerDied::into_guard`](crate::OwnerDied::into_guard), finds in elements that own
/// something each word of eight bytes whole, and each handle one that was there before; other elements
/// may be mixed byte by byte. To forget the last elements ([`pop`](Self::pop) and `mem::forget`) is
/// always safe.
///
/// A process that dies takes what lies in its private memory with it. So does a vector there: its elements
/// stay in the heap, and nobody frees them.
///
/// # Panics
///
/// Using the elements panics if the heap is not attached in this process, or if somebody has overwritten the
/// vector so that it leads out of the heap. Dropping such a vector does nothing.
#[repr(transparent)]
pub struct ShmVec<T> {
    pub(crate) buffer: Buffer<T>,
}

impl<T: ShmSafe> ShmVec<T> {
    /// Makes a vector without elements, which takes no memory.
    #[must_use]
    pub fn new_in(heap: &SharedHeap) -> Self {
        Self { buffer: Buffer::new(heap.attached) }
    }

    /// Makes a vector with room for at least so many elements.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn with_capacity_in(capacity: usize, heap: &SharedHeap) -> Result<Self, AllocError> {
        let mut vec = Self::new_in(heap);
        vec.reserve_exact(capacity)?;
        Ok(vec)
    }

    /// Makes a vector of copies of elements.
    ///
    /// # Errors
    ///
    /// There is no room for them, or for what they own.
    pub fn from_slice_in(elements: &[T], heap: &SharedHeap) -> Result<Self, AllocError>
    where
        T: TryClone,
    {
        let mut vec = Self::with_capacity_in(elements.len(), heap)?;
        vec.extend_from_slice(elements)?;
        Ok(vec)
    }

    /// Makes a vector of all that an iterator gives.
    ///
    /// # Errors
    ///
    /// There is no room for them. What it has given is dropped; to keep that, there is
    /// [`try_extend`](Self::try_extend).
    pub fn from_iter_in(
        elements: impl IntoIterator<Item = T>,
        heap: &SharedHeap,
    ) -> Result<Self, AllocError> {
        let mut vec = Self::new_in(heap);
        vec.try_extend(elements)?;
        Ok(vec)
    }

    /// Returns the heap that it has its elements in: for more of what they own.
    ///
    /// ```
    /// use aquifer::{AllocError, Backing, SharedHeap, ShmString, ShmVec};
    ///
    /// fn sign(book: &mut ShmVec<ShmString>, name: &str) -> Result<(), AllocError> {
    ///     let name = ShmString::from_str_in(name, &book.heap())?;
    ///     Ok(book.push(name)?)
    /// }
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let mut book = ShmVec::new_in(&heap);
    /// sign(&mut book, "Ada")?;
    /// assert_eq!(book, ["Ada"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the heap is not attached in this process.
    #[must_use]
    pub fn heap(&self) -> SharedHeap {
        let handle = self.buffer.handle();
        SharedHeap::of(handle).unwrap_or_else(|_| lost(handle))
    }

    /// Adds an element behind the last one.
    ///
    /// # Errors
    ///
    /// There is no room for it: the error gives it back.
    #[inline]
    pub fn push(&mut self, element: T) -> Result<(), InsertError<T>> {
        if self.buffer.reserve(1).is_err() {
            return Err(InsertError::new(element));
        }
        let length = self.len();
        // SAFETY: there is room for one more, and no element is there.
        unsafe { self.buffer.place(length).write(element) };
        // SAFETY: it was written just now.
        unsafe { self.buffer.set_len(length + 1) };
        Ok(())
    }

    /// Adds an element before the one at `index`, or behind the last one.
    ///
    /// # Errors
    ///
    /// There is no room for it: the error gives it back.
    ///
    /// # Panics
    ///
    /// Panics if `index` is greater than the length.
    #[track_caller]
    pub fn insert(&mut self, index: usize, element: T) -> Result<(), InsertError<T>> {
        let length = self.len();
        assert!(index <= length, "insertion index (is {index}) should be <= len (is {length})");
        if self.buffer.reserve(1).is_err() {
            return Err(InsertError::new(element));
        }
        let element = ManuallyDrop::new(element);
        // SAFETY: there is room for one more; the first copy is overwritten below.
        unsafe { self.buffer.shift(index, index + 1, length - index) };
        let place = self.buffer.place(index);
        // SAFETY: the element is not used here any more, and what is there lies behind it, too.
        unsafe { moves::shift(NonNull::from(&*element), place, 1) };
        // SAFETY: so many are valid now.
        unsafe { self.buffer.set_len(length + 1) };
        Ok(())
    }

    /// Makes room for at least so many more elements, and for as many again if need be, so that adding them
    /// one by one takes little time.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.buffer.reserve(additional)
    }

    /// Makes room for so many more elements, and for as few others as there can be.
    ///
    /// # Errors
    ///
    /// There is no room for so many.
    pub fn reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        self.buffer.reserve_exact(additional)
    }

    /// Gives back the room that no elements are in, if it can: for less room, too, there may be no
    /// memory elsewhere.
    pub fn shrink_to_fit(&mut self) {
        let _ = self.buffer.resize(0);
    }
}

// SAFETY: one word that is the same in every process, `repr(transparent)`; what it owns are `ShmSafe` elements
// in a heap, which any process frees that has attached it.
unsafe impl<T: ShmSafe> ShmSafe for ShmVec<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("ShmVec");
}

// SAFETY: `repr(transparent)` around a handle, which is so around a `NonZero` number.
unsafe impl<T: ShmSafe> NicheOption for ShmVec<T> {}
