//! Large allocations: memory of their own from the system, each in a list so that it can be freed
//! at once and in constant time.
//!
//! ```text
//! base                     base + offset(align)
//! | pad | next | prev | whole | values ...            |
//!       |<------ Header ----->|<---- layout.size ---->|
//! |<--------------------- whole --------------------->|
//! ```
#![expect(unsafe_code, reason = "headers live in memory from the system, behind a pointer")]

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::{self, NonNull};

use super::block::Block;
use super::supply::Supply;
use crate::error::AllocError;

struct Header {
    next: Cell<Option<NonNull<Header>>>,
    prev: Cell<Option<NonNull<Header>>>,
    /// What was asked of the system.
    whole: Layout,
}

/// The large allocations of one pool.
pub(super) struct LargeList {
    head: Cell<Option<NonNull<Header>>>,
    /// Bytes held from the system, headers included.
    held: Cell<usize>,
}

/// What a large allocation starts with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Any,
    Zeros,
}

impl LargeList {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { head: Cell::new(None), held: Cell::new(0) }
    }

    /// Bytes held from the system, headers included.
    pub(super) fn held(&self) -> usize {
        self.held.get()
    }

    pub(super) fn alloc(
        &self,
        supply: &Supply,
        layout: Layout,
        fill: Fill,
    ) -> Result<NonNull<u8>, AllocError> {
        let whole = whole(layout)?;
        supply.charge(whole.size())?;
        // The system knows which memory is zero already, unless the alignment is a strict one: then
        // it writes all of it, and the space in front of the values may be much.
        let zeroed_by_system = fill == Fill::Zeros && whole.align() <= Block::ALIGN;
        let base = if zeroed_by_system {
            // SAFETY: the layout is not empty: it has room for a header.
            unsafe { std::alloc::alloc_zeroed(whole) }
        } else {
            // SAFETY: as above.
            unsafe { std::alloc::alloc(whole) }
        };
        let Some(base) = NonNull::new(base) else {
            supply.discharge(whole.size());
            return Err(AllocError);
        };
        supply.note_high_water();
        // The header is found again by its address: the pointer that comes back may reach no more
        // than the values.
        base.as_ptr().expose_provenance();
        self.held.set(self.held.get().saturating_add(whole.size()));
        // SAFETY: `whole` has `offset` bytes in front of the values.
        let values = unsafe { base.add(offset(layout.align())) };
        if fill == Fill::Zeros && !zeroed_by_system {
            // SAFETY: so many bytes follow.
            unsafe { values.write_bytes(0, layout.size()) };
        }
        self.link(values, whole);
        Ok(values)
    }

    /// The bytes that one allocation takes from the system.
    ///
    /// # Safety
    /// `values` is a live allocation of this list.
    pub(super) unsafe fn held_by(&self, values: NonNull<u8>) -> usize {
        // SAFETY: the caller's promise.
        unsafe { header(values).as_ref() }.whole.size()
    }

    /// Frees one allocation.
    ///
    /// # Safety
    /// `values` is a live allocation of this list with the alignment `align`.
    pub(super) unsafe fn free(&self, supply: &Supply, values: NonNull<u8>, align: usize) {
        // SAFETY: the caller's allocation is live.
        let whole = unsafe { self.unlink(values) };
        self.held.set(self.held.get().saturating_sub(whole.size()));
        supply.discharge(whole.size());
        let base = in_front(values, offset(align));
        // SAFETY: `alloc` got the base with the layout that its header holds.
        unsafe { std::alloc::dealloc(base.as_ptr(), whole) };
    }

    /// Changes the size of one allocation, which may move. On an error nothing has changed.
    ///
    /// # Safety
    /// `values` is a live allocation of this list with the alignment of `new`, which is large too.
    pub(super) unsafe fn resize(
        &self,
        supply: &Supply,
        values: NonNull<u8>,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        let offset = offset(new.align());
        let new_size = whole(new)?.size();
        // SAFETY: the caller's allocation is live.
        let old = unsafe { header(values).as_ref() }.whole;
        supply.charge(new_size.saturating_sub(old.size()))?;
        // SAFETY: the caller's allocation is live; it is linked again below, whatever comes.
        unsafe { self.unlink(values) };
        let base = in_front(values, offset);
        // SAFETY: the system gave the base with the layout `old`; `whole` checked the new size.
        let moved = NonNull::new(unsafe { std::alloc::realloc(base.as_ptr(), old, new_size) });
        let Some(moved) = moved else {
            supply.discharge(new_size.saturating_sub(old.size()));
            self.link(values, old);
            return Err(AllocError);
        };
        supply.discharge(old.size().saturating_sub(new_size));
        supply.note_high_water();
        moved.as_ptr().expose_provenance();
        let held = self.held.get().saturating_add(new_size).saturating_sub(old.size());
        self.held.set(held);
        // SAFETY: the new size has `offset` bytes in front of the values, too.
        let values = unsafe { moved.add(offset) };
        // SAFETY: `whole` made a valid layout with this size and an alignment at least as strict.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, old.align()) };
        self.link(values, new);
        Ok(values)
    }

    /// Frees every allocation.
    ///
    /// # Safety
    /// Nothing that lies in any of them is used from here on.
    #[inline]
    pub(super) unsafe fn free_all(&self, supply: &Supply) {
        if self.head.get().is_some() {
            // SAFETY: the caller's promise.
            unsafe { self.free_each(supply) };
        }
    }

    /// Frees every allocation of a list that has some.
    ///
    /// # Safety
    /// As [`free_all`](Self::free_all).
    #[cold]
    unsafe fn free_each(&self, supply: &Supply) {
        while let Some(first) = self.head.get() {
            // SAFETY: a header in the list is live.
            let whole = unsafe { first.as_ref() }.whole;
            // SAFETY: the values begin where the header ends.
            let values = unsafe { first.add(1) }.cast();
            // SAFETY: in the list, hence live; the caller gives it up. The offset is the same for
            // the alignment of the whole and of the request.
            unsafe { self.free(supply, values, whole.align()) };
        }
    }

    /// Writes the header of an allocation and puts it first.
    fn link(&self, values: NonNull<u8>, whole: Layout) {
        let next = self.head.get();
        let this = header(values);
        // SAFETY: `offset` leaves room for an aligned header in front of the values.
        unsafe { this.write(Header { next: Cell::new(next), prev: Cell::new(None), whole }) };
        if let Some(next) = next {
            // SAFETY: a header in the list is live.
            unsafe { next.as_ref() }.prev.set(Some(this));
        }
        self.head.set(Some(this));
    }

    /// Takes an allocation out of the list and returns its layout.
    ///
    /// # Safety
    /// `values` is a live allocation of this list.
    unsafe fn unlink(&self, values: NonNull<u8>) -> Layout {
        // SAFETY: the caller's allocation is live, and `link` wrote its header.
        let this = unsafe { header(values).as_ref() };
        let (next, prev) = (this.next.get(), this.prev.get());
        if let Some(next) = next {
            // SAFETY: a header in the list is live.
            unsafe { next.as_ref() }.prev.set(prev);
        }
        match prev {
            // SAFETY: a header in the list is live.
            Some(prev) => unsafe { prev.as_ref() }.next.set(next),
            None => self.head.set(next),
        }
        this.whole
    }
}

/// The bytes between the base and the values of an allocation with alignment `align`.
fn offset(align: usize) -> usize {
    size_of::<Header>().max(align)
}

/// What is asked of the system for `layout`.
fn whole(layout: Layout) -> Result<Layout, AllocError> {
    let align = layout.align().max(align_of::<Header>());
    let size = layout.size().checked_add(offset(align)).ok_or(AllocError)?;
    Layout::from_size_align(size, align).map_err(|_| AllocError)
}

/// The header in front of the values.
fn header(values: NonNull<u8>) -> NonNull<Header> {
    in_front(values, size_of::<Header>()).cast()
}

/// What lies `bytes` bytes in front of the values, within what was asked of the system.
fn in_front(values: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    let pointer = ptr::with_exposed_provenance_mut(values.addr().get().wrapping_sub(bytes));
    // SAFETY: an allocation begins at least so many bytes below its values.
    unsafe { NonNull::new_unchecked(pointer) }
}
