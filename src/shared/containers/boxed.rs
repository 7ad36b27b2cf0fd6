//! `ShmBox`: a value in a heap, and its only owner.
#![expect(unsafe_code, reason = "reads and writes values in a heap")]

use core::alloc::Layout;
use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU64;

use super::try_clone::TryClone;
use crate::error::{AllocError, InsertError};
use crate::geometry::assert_alignable;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::heap::attached::{self, Attached};
use crate::shared::heap::blocks::Fill;
use crate::shared::heap::handle::Handle;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::{NicheOption, ShmSafe};

/// A value in a [`SharedHeap`], and its owner: as `Box` is in the memory of a process.
///
/// It has eight bytes, which name the heap and the place there; so it may be moved, and may lie in private
/// memory as well as in any heap. All processes that have attached its heap find the same value by it. An
/// `Option` of it has eight bytes, too.
///
/// A process that dies takes what lies in its private memory with it. So does a box there: its value stays
/// in the heap, and nobody frees it.
///
/// ```
/// use aquifer::{Backing, SharedHeap, ShmBox};
///
/// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
/// let mut number = ShmBox::new_in(41_u64, &heap)?;
/// *number += 1;
/// assert_eq!(number.into_inner(), 42);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
///
/// Using the value panics if the heap is not attached in this process, or if somebody has overwritten the
/// box so that it leads out of the heap. Dropping such a box does nothing. A long list of boxes, each in the one before,
/// is dropped by calls within calls, as with `Box`: so long a one that no stack has room for them is to be taken apart.
#[repr(transparent)]
pub struct ShmBox<T> {
    pub(crate) handle: Handle,
    owns: PhantomData<T>,
}

// SAFETY: it is the only way to its value, as if it had it inside.
unsafe impl<T: Send> Send for ShmBox<T> {}
// SAFETY: shared, it lends shared references to its value, and nothing else.
unsafe impl<T: Sync> Sync for ShmBox<T> {}

impl<T: ShmSafe> ShmBox<T> {
    /// Moves a value into a heap.
    ///
    /// # Errors
    ///
    /// There is no room for it: the error gives it back.
    #[inline]
    pub fn new_in(value: T, heap: &SharedHeap) -> Result<Self, InsertError<T>> {
        match heap.attached.insert(value) {
            Ok(handle) => Ok(Self { handle, owns: PhantomData }),
            Err(value) => Err(InsertError::new(value)),
        }
    }

    /// Moves a value into a heap, and its box to a place: in one step, even for those who find this process
    /// dead. If the place lies in the same heap, either there is the value, or nothing was taken; a box
    /// that is made first and then moved there would be lost with a process that dies in between.
    ///
    /// What is in the place is dropped before.
    ///
    /// # Errors
    ///
    /// There is no room for it: the error gives it back, and the place is empty.
    pub fn insert_in(
        place: &mut Option<Self>,
        value: T,
        heap: &SharedHeap,
    ) -> Result<(), InsertError<T>> {
        Self::remove_from(place);
        let layout = Layout::new::<T>();
        if layout.size() == 0 {
            *place = Some(Self::new_in(value, heap)?);
            return Ok(());
        }
        let value = ManuallyDrop::new(value);
        // SAFETY: so many bytes were taken for this value.
        let write = |block: NonNull<u8>| unsafe {
            block.cast().copy_from_nonoverlapping(NonNull::from(&*value), 1);
        };
        let fill = Fill { bytes: layout.size(), write };
        // SAFETY: the place is empty.
        let inserted = unsafe { heap.attached.replace(word_of(place), None, layout, fill) };
        inserted.map_err(|AllocError| InsertError::new(ManuallyDrop::into_inner(value)))
    }

    /// Drops what is in a place, and gives its memory back with the store that empties the place: who finds
    /// this process dead finds both or neither. But if the value has to be dropped, and this process dies
    /// on the way, then what is left of it is lost.
    pub fn remove_from(place: &mut Option<Self>) {
        let heap = place.as_ref().and_then(|boxed| Attached::of(boxed.handle.heap()));
        match heap.filter(|_| !mem::needs_drop::<T>()) {
            // SAFETY: the box owns a block of this layout, with a value that need not be dropped.
            Some(attached) => unsafe {
                attached.release(word_of(place), 0, Layout::new::<T>());
            },
            None => drop(place.take()),
        }
    }
}

impl<T> ShmBox<T> {
    /// Takes the value out, and gives its place back.
    #[must_use]
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the box has it, and is not used any more.
        let value = unsafe { this.place().read() };
        drop(Vacated { handle: this.handle, layout: Layout::new::<T>() });
        value
    }

    /// Returns the heap in which the value lies. An associated function, lest it hide a method of the value.
    ///
    /// # Panics
    ///
    /// Panics if the heap is not attached in this process.
    #[must_use]
    pub fn heap(this: &Self) -> SharedHeap {
        SharedHeap::of(this.handle).unwrap_or_else(|_| lost(this.handle))
    }

    /// Where the value lies here.
    #[inline]
    fn place(&self) -> NonNull<T> {
        match self.find() {
            Some(place) => place,
            None => lost(self.handle),
        }
    }

    #[inline]
    fn find(&self) -> Option<NonNull<T>> {
        const { assert_alignable::<T>() };
        let (bytes, align) = (mem::size_of::<T>(), mem::align_of::<T>());
        attached::resolve(self.handle, bytes, align).map(NonNull::cast)
    }
}

/// The place of a value that is gone, or is just going. If nobody can take it back, it is lost.
struct Vacated {
    handle: Handle,
    layout: Layout,
}

impl Drop for Vacated {
    fn drop(&mut self) {
        if let Some(attached) = Attached::of(self.handle.heap()) {
            attached.free(self.handle, self.layout);
        }
    }
}

/// The word of a place: the bits of a handle, or 0.
fn word_of<T>(place: &mut Option<ShmBox<T>>) -> &AtomicU64 {
    const { assert!(mem::size_of::<Option<ShmBox<T>>>() == 8 && mem::align_of::<ShmBox<T>>() == 8) };
    // SAFETY: an option of what is never 0 is that, or 0; the place is borrowed for this alone.
    unsafe { AtomicU64::from_ptr(ptr::from_mut(place).cast()) }
}

#[cold]
pub(super) fn lost(handle: Handle) -> ! {
    panic!(
        "no value lies at {handle:?}: that heap is not attached, or somebody has overwritten this"
    )
}

impl<T> Deref for ShmBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new_in` has written a value there, which is this box's alone.
        unsafe { self.place().as_ref() }
    }
}

impl<T> DerefMut for ShmBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: `new_in` has written a value there, which is this box's alone.
        unsafe { self.place().as_mut() }
    }
}

impl<T> Drop for ShmBox<T> {
    fn drop(&mut self) {
        // Given back after the value is dropped, also if that panics.
        let _place = Vacated { handle: self.handle, layout: Layout::new::<T>() };
        if let Some(value) = self.find().filter(|_| mem::needs_drop::<T>()) {
            // SAFETY: it is this box's, and is not used any more.
            unsafe { value.drop_in_place() };
        }
    }
}

impl<T> AsRef<T> for ShmBox<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> AsMut<T> for ShmBox<T> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T> Borrow<T> for ShmBox<T> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T> BorrowMut<T> for ShmBox<T> {
    fn borrow_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: fmt::Debug> fmt::Debug for ShmBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for ShmBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: PartialEq> PartialEq for ShmBox<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for ShmBox<T> {}

impl<T: PartialOrd> PartialOrd for ShmBox<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Ord> Ord for ShmBox<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Hash> Hash for ShmBox<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: ShmSafe + TryClone> TryClone for ShmBox<T> {
    fn try_clone(&self) -> Result<Self, AllocError> {
        let heap = SharedHeap::of(self.handle)?;
        Self::new_in((**self).try_clone()?, &heap).map_err(AllocError::from)
    }
}

// SAFETY: one word that is the same in every process, `repr(transparent)`; what it owns is a `ShmSafe` value
// in a heap, which any process frees that has attached it.
unsafe impl<T: ShmSafe> ShmSafe for ShmBox<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("ShmBox");
}

// SAFETY: `repr(transparent)` around a handle, which is so around a `NonZero` number.
unsafe impl<T: ShmSafe> NicheOption for ShmBox<T> {}
