//! Buffers that were given back in the middle of a pool, most often by a vector that grew: kept by
//! size for the next request that the pool's current block has no room for.
//!
//! Class `n` holds pieces of `2^n` to `2^(n+1) - 1` bytes, the last class all larger ones. The idea
//! of keeping them by the logarithm of their size is protobuf's (`ReturnArrayMemory`).
#![expect(unsafe_code, reason = "links free pieces of a pool through the pieces themselves")]

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;

use crate::sys::shadow;

/// Smaller pieces are not worth a list entry.
pub(super) const LEAST: usize = 64;

const FIRST_CLASS: usize = LEAST.ilog2() as usize;
const CLASSES: usize = 10;

/// How many pieces of a class are looked at for one request.
const PROBES: usize = 4;

/// What a free piece begins with.
#[derive(Clone, Copy)]
struct Piece {
    next: Option<NonNull<Piece>>,
    size: usize,
}

/// The free pieces of one pool.
pub(super) struct FreedPieces {
    heads: [Cell<Option<NonNull<Piece>>>; CLASSES],
    bytes: Cell<usize>,
}

impl FreedPieces {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { heads: [const { Cell::new(None) }; CLASSES], bytes: Cell::new(0) }
    }

    /// The bytes in all pieces.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Forgets all pieces.
    pub(super) fn clear(&self) {
        if self.bytes.replace(0) != 0 {
            self.heads.iter().for_each(|head| head.set(None));
        }
    }

    /// Keeps a piece of `size` bytes, unless it is too small to be worth it.
    ///
    /// # Safety
    /// The bytes are part of a live block, and nobody else uses them until they are taken.
    #[cold]
    pub(super) unsafe fn put(&self, start: NonNull<u8>, size: usize) {
        let padding = start.as_ptr().align_offset(align_of::<Piece>());
        let Some(size) = size.checked_sub(padding).filter(|size| *size >= LEAST) else {
            shadow::forbid(start, size);
            return;
        };
        // SAFETY: `padding` is at most `size`.
        let piece = unsafe { start.add(padding) }.cast::<Piece>();
        let head = self.head(class_of(size));
        shadow::permit(piece.cast(), size_of::<Piece>());
        // SAFETY: aligned above, at least `LEAST` bytes long, and the caller's to give.
        unsafe { piece.write(Piece { next: head.get(), size }) };
        head.set(Some(piece));
        shadow::forbid(piece.cast(), size);
        self.bytes.set(self.bytes.get().saturating_add(size));
    }

    /// Takes a piece that has the room for `layout`, giving back what is left over of it.
    #[inline]
    pub(super) fn take(&self, layout: Layout) -> Option<NonNull<u8>> {
        if self.bytes.get() < layout.size() { None } else { self.take_from_classes(layout) }
    }

    fn take_from_classes(&self, layout: Layout) -> Option<NonNull<u8>> {
        (class_of(layout.size())..CLASSES).find_map(|class| self.take_from(class, layout))
    }

    fn take_from(&self, class: usize, layout: Layout) -> Option<NonNull<u8>> {
        let mut before: Option<NonNull<Piece>> = None;
        let mut at = self.head(class).get();
        for _ in 0..PROBES {
            let piece = at?;
            let Piece { next, size } = read(piece);
            let start = piece.cast::<u8>();
            let padding = start.as_ptr().align_offset(layout.align());
            if padding.checked_add(layout.size()).is_some_and(|need| need <= size) {
                match before {
                    Some(before) => write_next(before, next),
                    None => self.head(class).set(next),
                }
                self.bytes.set(self.bytes.get().saturating_sub(size));
                return Some(self.split(start, padding, layout.size(), size));
            }
            before = at;
            at = next;
        }
        None
    }

    /// Cuts `need` bytes out of an unlinked piece of `size` bytes and keeps both ends.
    fn split(&self, start: NonNull<u8>, padding: usize, need: usize, size: usize) -> NonNull<u8> {
        // SAFETY: `take_from` saw that padding and need are within the piece.
        let values = unsafe { start.add(padding) };
        // SAFETY: as above.
        let rest = unsafe { values.add(need) };
        // SAFETY: the piece is unlinked, so its first bytes are nobody's.
        unsafe { self.put(start, padding) };
        // SAFETY: the piece is unlinked, so its last bytes are nobody's.
        unsafe { self.put(rest, size.saturating_sub(padding).saturating_sub(need)) };
        shadow::permit(values, need);
        values
    }

    fn head(&self, class: usize) -> &Cell<Option<NonNull<Piece>>> {
        &self.heads[if class < CLASSES { class } else { CLASSES - 1 }]
    }
}

fn class_of(size: usize) -> usize {
    match size.checked_ilog2() {
        Some(log) => (log as usize).saturating_sub(FIRST_CLASS).min(CLASSES - 1),
        None => 0,
    }
}

fn read(piece: NonNull<Piece>) -> Piece {
    shadow::permit(piece.cast(), size_of::<Piece>());
    // SAFETY: a piece in a list was written by `put` and lies in a live block.
    let read = unsafe { piece.read() };
    shadow::forbid(piece.cast(), size_of::<Piece>());
    read
}

fn write_next(piece: NonNull<Piece>, next: Option<NonNull<Piece>>) {
    let size = read(piece).size;
    shadow::permit(piece.cast(), size_of::<Piece>());
    // SAFETY: a piece in a list was written by `put` and lies in a live block.
    unsafe { piece.write(Piece { next, size }) };
    shadow::forbid(piece.cast(), size_of::<Piece>());
}
