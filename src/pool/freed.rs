//! Pieces that were given back in the middle of a pool, most often by a vector that grew: kept by
//! size for the next request that the pool's current block has no room for.
//!
//! A class holds the pieces of one power of two to the next, or, of large ones, to the third next.
//! The idea of keeping them by the logarithm of their size is protobuf's (`ReturnArrayMemory`).
//! Neighbours are joined now and then, all at once, and not as they come.
#![expect(unsafe_code, reason = "links free pieces of a pool through the pieces themselves")]

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

use super::piece::{GRAIN, Piece, Place, drain, pointer, sorted};
use crate::sys::shadow;

/// One class for each power of two up to `WIDE`, and from there on one for every third.
const CLASSES: usize = 17;
const FIRST: u32 = GRAIN.ilog2();
const WIDE: u32 = 15;

/// How many pieces of a class are looked at for one request.
const PROBES: usize = 4;

/// Joining neighbours is not worth it for fewer bytes, where there is other memory.
const LEAST_TO_JOIN: usize = 4096;

/// The free pieces of one pool.
pub(super) struct FreedPieces {
    heads: [Cell<Option<Place>>; CLASSES],
    /// In all pieces.
    bytes: Cell<usize>,
    /// Given back since neighbours were last joined.
    fresh_bytes: Cell<usize>,
}

impl FreedPieces {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            heads: [const { Cell::new(None) }; CLASSES],
            bytes: Cell::new(0),
            fresh_bytes: Cell::new(0),
        }
    }

    /// The bytes in all pieces.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Forgets all pieces.
    pub(super) fn clear(&self) {
        self.fresh_bytes.set(0);
        if self.bytes.replace(0) != 0 {
            self.heads.iter().for_each(|head| head.set(None));
        }
    }

    /// Keeps a piece of `bytes` bytes.
    ///
    /// # Safety
    /// 1. The bytes are part of a live block, and nobody else uses them until they are taken.
    /// 2. Address and number are multiples of [`GRAIN`].
    #[cold]
    pub(super) unsafe fn put(&self, start: usize, bytes: usize) {
        self.fresh_bytes.set(self.fresh_bytes.get().saturating_add(bytes));
        // SAFETY: the caller's promise.
        unsafe { self.keep(start, bytes) };
    }

    /// As [`put`](Self::put), for a piece that is not fresh.
    ///
    /// # Safety
    /// As [`put`](Self::put).
    unsafe fn keep(&self, start: usize, bytes: usize) {
        if bytes == 0 {
            return;
        }
        shadow::forbid(pointer(start), bytes);
        let head = self.head(class_of(bytes));
        // SAFETY: the caller's promise, and there are some bytes.
        head.set(Some(unsafe { Place::make(start, bytes, head.get()) }));
        self.bytes.set(self.bytes.get().saturating_add(bytes));
    }

    /// Takes a piece that has the room for `layout`, a multiple of [`GRAIN`], giving back what is
    /// left over of it.
    #[inline]
    pub(super) fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        if self.bytes.get() < layout.size() { None } else { self.take_from_classes(layout) }
    }

    fn take_from_classes(&self, layout: Layout) -> Option<NonNull<u8>> {
        (class_of(layout.size())..CLASSES).find_map(|class| self.take_from(class, layout))
    }

    fn take_from(&self, class: usize, layout: Layout) -> Option<NonNull<u8>> {
        let mut before: Option<Place> = None;
        let mut at = self.head(class).get();
        for _ in 0..PROBES {
            let place = at?;
            let Piece { next, bytes } = place.read();
            if let Some(cut) = Cut::new(place.address(), bytes, layout) {
                match before {
                    Some(before) => before.set_next(next),
                    None => self.head(class).set(next),
                }
                self.bytes.set(self.bytes.get().saturating_sub(bytes));
                return Some(self.split(cut));
            }
            before = at;
            at = next;
        }
        None
    }

    /// Cuts an unlinked piece and keeps both ends.
    fn split(&self, cut: Cut) -> NonNull<u8> {
        // SAFETY: the piece is unlinked, so its first bytes are nobody's.
        unsafe { self.keep(cut.start, cut.values.wrapping_sub(cut.start)) };
        // SAFETY: the piece is unlinked, so its last bytes are nobody's.
        unsafe { self.keep(cut.rest, cut.end.wrapping_sub(cut.rest)) };
        let values = pointer(cut.values);
        shadow::permit(values, cut.rest.wrapping_sub(cut.values));
        values
    }

    /// Joins pieces that are neighbours, where enough was given back to expect some: as many bytes
    /// as half of what lies here; and where there is no other memory, where anything was. Tells
    /// whether it did. The cost is n log n for n pieces.
    #[inline]
    pub(super) fn join_neighbours(&self, is_last_resort: impl FnOnce() -> bool) -> bool {
        let fresh = self.fresh_bytes.get();
        if fresh == 0 {
            return false;
        }
        let is_worth_it = fresh >= LEAST_TO_JOIN && fresh >= self.bytes.get() / 2;
        let joins = is_worth_it || is_last_resort();
        if joins {
            self.join_all_neighbours();
        }
        joins
    }

    #[cold]
    fn join_all_neighbours(&self) {
        let mut all = sorted(self.heads.iter().flat_map(|head| drain(head.take())));
        self.clear();
        while let Some(place) = all {
            let Piece { next, bytes } = place.read();
            let mut end = place.address().wrapping_add(bytes);
            all = next;
            while let Some(neighbour) = all.filter(|next| next.address() == end) {
                let Piece { next, bytes } = neighbour.read();
                end = end.wrapping_add(bytes);
                all = next;
            }
            // SAFETY: all of it was in pieces, which are out of the lists.
            unsafe { self.keep(place.address(), end.wrapping_sub(place.address())) };
        }
    }

    fn head(&self, class: usize) -> &Cell<Option<Place>> {
        &self.heads[if class < CLASSES { class } else { CLASSES - 1 }]
    }
}

/// A piece, cut into what comes before the values, the values, and the rest: the addresses at which
/// each begins, and the end.
struct Cut {
    start: usize,
    values: usize,
    rest: usize,
    end: usize,
}

impl Cut {
    /// Cuts out room for `layout`, if there is any.
    fn new(start: usize, bytes: usize, layout: Layout) -> Option<Self> {
        let end = start.wrapping_add(bytes);
        let values = start.checked_add(layout.align() - 1)? & !(layout.align() - 1);
        let rest = values.checked_add(layout.size())?;
        (rest <= end).then_some(Self { start, values, rest, end })
    }
}

fn class_of(bytes: usize) -> usize {
    let log = bytes.checked_ilog2().unwrap_or(0).max(FIRST);
    let class = if log < WIDE { log - FIRST } else { WIDE - FIRST + (log - WIDE) / 3 };
    (class as usize).min(CLASSES - 1)
}
