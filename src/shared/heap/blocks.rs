//! Blocks that values are moved into, and that grow with their values.
#![expect(unsafe_code, reason = "writes values into a heap")]

use core::alloc::Layout;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering};

use super::attached::Attached;
use super::flight::Flight;
use super::handle::Handle;
use super::held::{Held, Taken};
use super::intent::Place;
use crate::error::AllocError;
use crate::geometry::assert_alignable;

/// How a new block is filled.
#[derive(Debug)]
pub(crate) struct Fill<F> {
    /// How many are written.
    pub(crate) bytes: usize,
    pub(crate) write: F,
}

impl Fill<()> {
    /// To write so many takes some microseconds, which nobody else is to wait for.
    const LONG: usize = 64 << 10;
}

impl Attached {
    /// Moves a value into the heap; gives it back if there is no room. A value without bytes takes none.
    #[inline]
    pub(crate) fn insert<T>(&self, value: T) -> Result<Handle, T> {
        const { assert_alignable::<T>() };
        let layout = Layout::new::<T>();
        if layout.size() == 0 {
            let Some(handle) = self.empty() else { return Err(value) };
            // It is in the heap, and is dropped by whoever has the handle.
            mem::forget(value);
            return Ok(handle);
        }
        match self.hold_free() {
            Some(held) => held.insert(value),
            None => self.insert_slowly(value),
        }
    }

    #[cold]
    fn insert_slowly<T>(&self, value: T) -> Result<Handle, T> {
        match self.try_slowly() {
            Some(held) => held.insert(value),
            None => Err(value),
        }
    }

    /// The handle of a block without bytes.
    #[inline]
    pub(crate) fn empty(&self) -> Option<Handle> {
        Handle::new(self.facts.heap, 0)
    }

    /// Moves what a handle owns to a block of another size, or makes its block of that size where it is.
    /// The handle changes by one store, in which the new block finds its owner and the old one loses it:
    /// wherever the process dies, the handle leads to one of them, and the other is free.
    ///
    /// A new block is filled; not one that stays in its place.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing has changed.
    ///
    /// # Safety
    ///
    /// 1. `owner` holds the bits of a handle that owns a block of layout `old`; or other bits, and there
    ///    is no `old`.
    /// 2. `fill` does not panic, and writes no more than `new` bytes.
    pub(crate) unsafe fn replace(
        &self,
        owner: &AtomicU64,
        old: Option<Layout>,
        new: Layout,
        fill: Fill<impl FnOnce(NonNull<u8>)>,
    ) -> Result<(), AllocError> {
        let held = self.hold().map_err(|_| AllocError)?;
        let before = owner.load(Ordering::Relaxed);
        let old = old.and_then(|layout| Some((Handle::from_bits(before)?, layout)));
        let loser = old.map(|(handle, _)| self.slab_offset(handle));
        if loser.is_some_and(|block| matches!(self.slab.resize(block, new.size()), Ok(Some(_)))) {
            return Ok(());
        }
        let declare = || self.head.intent.declare(self.place_of(owner), before, loser);
        let (held, taken) = held.fill_new(new, fill, declare).ok_or(AllocError)?;
        owner.store(taken.handle.bits(), Ordering::Release);
        if let Some((handle, layout)) = old {
            let _ = held.give(handle, layout);
        }
        held.done();
        self.head.intent.clear();
        Ok(())
    }

    /// Gives back what a handle owns. The word of the handle changes by one store, in which the block loses its
    /// owner: wherever the process dies, the word leads to the block, or is `none` and the block is free.
    ///
    /// If the heap cannot be changed, nobody has the block.
    ///
    /// # Safety
    ///
    /// `owner` holds the bits of a handle that owns a block of this layout, in which nothing is used any more.
    pub(crate) unsafe fn release(&self, owner: &AtomicU64, none: u64, layout: Layout) {
        let Ok(held) = self.hold() else { return owner.store(none, Ordering::Release) };
        let before = owner.load(Ordering::Relaxed);
        let Some(handle) = Handle::from_bits(before) else { return };
        let intent = &self.head.intent;
        intent.declare(self.place_of(owner), before, Some(self.slab_offset(handle)));
        owner.store(none, Ordering::Release);
        if layout.size() > 0 {
            let _ = held.give(handle, layout);
        }
        intent.clear();
    }

    /// Where a word lies, for an intent.
    fn place_of(&self, word: &AtomicU64) -> Place {
        let address = ptr::from_ref(word).addr();
        match Self::around(address) {
            Some(heap) if ptr::eq(heap, self) => Place::Here(self.offset_of(address).unwrap_or(0)),
            Some(_) => Place::Elsewhere,
            None => Place::Private,
        }
    }

    /// Gives a block back. One that is none, or that nobody can take back, is left alone.
    #[inline]
    pub(crate) fn free(&self, handle: Handle, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        match self.hold_free() {
            Some(held) => _ = held.give(handle, layout),
            None => self.free_slowly(handle, layout),
        }
    }

    #[cold]
    fn free_slowly(&self, handle: Handle, layout: Layout) {
        if let Some(held) = self.try_slowly() {
            let _ = held.give(handle, layout);
        }
    }
}

impl<'a> Held<'a> {
    /// A flight that is nobody's, if there is one.
    fn free_flight(&self) -> Option<&'static Flight> {
        self.attached().head.flights.iter().find(|flight| flight.block().is_none())
    }

    /// Takes a block of at least `layout`, which has bytes, to be filled without the lock. None if there is
    /// no room.
    fn send(&self, layout: Layout, flight: &Flight) -> Option<Taken> {
        let attached = self.attached();
        let owner = attached.attachment.entry.owner()?;
        let taken = self.take(layout)?;
        flight.begin(owner, attached.slab_offset(taken.handle));
        self.done();
        Some(taken)
    }

    /// Has a block that was sent pending again.
    fn land(&self, taken: Taken, flight: &Flight) {
        let attached = self.attached();
        attached.slab.pend(attached.slab_offset(taken.handle));
        flight.end();
    }

    /// Takes a block, fills it and declares what is to be done with it. The block is pending, and the lock is
    /// held. None if there is no room; then nothing is declared.
    fn fill_new(
        self,
        layout: Layout,
        fill: Fill<impl FnOnce(NonNull<u8>)>,
        declare: impl FnOnce(),
    ) -> Option<(Self, Taken)> {
        let is_long = fill.bytes >= Fill::LONG;
        if let Some(flight) = is_long.then(|| self.free_flight()).flatten() {
            let attached = self.attached();
            let taken = self.send(layout, flight)?;
            drop(self);
            (fill.write)(taken.memory);
            let held = attached.hold().ok()?;
            declare();
            held.land(taken, flight);
            return Some((held, taken));
        }
        declare();
        let Some(taken) = self.take(layout) else {
            self.attached().head.intent.clear();
            return None;
        };
        (fill.write)(taken.memory);
        Some((self, taken))
    }

    /// Moves a value, which has bytes, to a new block.
    #[inline]
    fn insert<T>(self, value: T) -> Result<Handle, T> {
        let Some(taken) = self.take(Layout::new::<T>()) else { return Err(value) };
        // SAFETY: so many bytes were taken just now, for nobody else.
        unsafe { taken.memory.cast::<T>().write(value) };
        // From here on the caller has it.
        self.done();
        Ok(taken.handle)
    }
}

/// The word of a handle, to be changed by one store.
pub(crate) fn word_of(handle: &mut Handle) -> &AtomicU64 {
    // SAFETY: a handle is a word, and borrowed for this alone.
    unsafe { AtomicU64::from_ptr(ptr::from_mut(handle).cast()) }
}
