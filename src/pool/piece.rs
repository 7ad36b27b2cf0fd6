//! A free piece of a block, and lists of pieces, which are linked through the pieces themselves.
#![expect(unsafe_code, reason = "reads and writes free pieces of blocks")]

use core::ptr::{self, NonNull};

use crate::sys::shadow;

/// Pieces lie at multiples of this many bytes and have multiples of it: so neighbours touch.
pub(super) const GRAIN: usize = 8;

/// What is known of a piece.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) next: Option<Place>,
    pub(super) bytes: usize,
}

/// Where a piece lies. Its first word is the address of the next piece, whose lowest bit says that
/// the piece is a grain and no more; any other piece has its bytes in the second word.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Place(NonNull<usize>);

/// The mark of a piece that is one grain.
const IS_GRAIN: usize = 1;

impl Place {
    /// A place for a piece at an address.
    ///
    /// # Safety
    /// 1. `bytes` bytes from there on are part of a live block, and nobody else uses them while the
    ///    piece is in a list.
    /// 2. Address and number are multiples of [`GRAIN`], and the number is not zero.
    pub(super) unsafe fn make(address: usize, bytes: usize, next: Option<Self>) -> Self {
        let place = Self(pointer(address).cast());
        place.write(Piece { next, bytes });
        place
    }

    pub(super) fn address(self) -> usize {
        self.0.addr().get()
    }

    fn second(self) -> NonNull<usize> {
        pointer(self.address().wrapping_add(size_of::<usize>())).cast()
    }

    pub(super) fn read(self) -> Piece {
        shadow::permit(self.0.cast(), GRAIN);
        // SAFETY: `write` wrote the word, and its block lives as long as the lists do.
        let first = unsafe { self.0.read() };
        shadow::forbid(self.0.cast(), GRAIN);
        let next = NonNull::new(ptr::with_exposed_provenance_mut(first & !IS_GRAIN));
        Piece { next: next.map(Self), bytes: self.read_bytes(first) }
    }

    fn read_bytes(self, first: usize) -> usize {
        if first & IS_GRAIN != 0 {
            return GRAIN;
        }
        shadow::permit(self.second().cast(), size_of::<usize>());
        // SAFETY: as in `read`; the piece is not marked as one that may have no second word.
        let bytes = unsafe { self.second().read() };
        shadow::forbid(self.second().cast(), size_of::<usize>());
        bytes
    }

    fn write(self, piece: Piece) {
        let mark = if piece.bytes == GRAIN { IS_GRAIN } else { 0 };
        let next = piece.next.map_or(0, Self::address);
        shadow::permit(self.0.cast(), GRAIN);
        // SAFETY: `make` was promised the place, aligned to a grain, which has room for a word.
        unsafe { self.0.write(next | mark) };
        shadow::forbid(self.0.cast(), GRAIN);
        if mark == 0 {
            shadow::permit(self.second().cast(), size_of::<usize>());
            // SAFETY: a piece of two grains or more has room for two words.
            unsafe { self.second().write(piece.bytes) };
            shadow::forbid(self.second().cast(), size_of::<usize>());
        }
    }

    pub(super) fn set_next(self, next: Option<Self>) {
        self.write(Piece { next, ..self.read() });
    }
}

/// The places of a list, each before what it leads to is changed.
pub(super) fn drain(mut at: Option<Place>) -> impl Iterator<Item = Place> {
    core::iter::from_fn(move || {
        let place = at?;
        at = place.read().next;
        Some(place)
    })
}

/// Links places in the order of their addresses: a merge sort from the bottom up, with the sorted
/// lists of `2^n` places in bin `n`.
pub(super) fn sorted(places: impl Iterator<Item = Place>) -> Option<Place> {
    let mut bins = [None; usize::BITS as usize];
    for place in places {
        place.set_next(None);
        let mut carried = Some(place);
        for bin in &mut bins {
            match bin.take() {
                Some(list) => carried = merged(Some(list), carried),
                None => {
                    *bin = carried;
                    break;
                }
            }
        }
    }
    bins.into_iter().fold(None, merged)
}

fn merged(mut one: Option<Place>, mut other: Option<Place>) -> Option<Place> {
    let mut head = None;
    let mut tail: Option<Place> = None;
    loop {
        let (first, rest) = match (one, other) {
            (Some(a), Some(b)) if a <= b => (a, other),
            (Some(_), Some(b)) => (b, one),
            (Some(last), None) | (None, Some(last)) => (last, None),
            (None, None) => return head,
        };
        match tail {
            Some(tail) => tail.set_next(Some(first)),
            None => head = Some(first),
        }
        if rest.is_none() {
            return head;
        }
        tail = Some(first);
        one = first.read().next;
        other = rest;
    }
}

/// A pointer to an address in a block. It may reach the whole block, unlike the pointers that come
/// back from users: pieces are joined and cut anew.
pub(super) fn pointer(address: usize) -> NonNull<u8> {
    // SAFETY: callers pass addresses in blocks, which are not null.
    unsafe { NonNull::new_unchecked(ptr::with_exposed_provenance_mut(address)) }
}
