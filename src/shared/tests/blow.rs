//! `Blow`: something that is written into a heap, wherever it hits.
#![forbid(unsafe_code)]

use core::mem::{offset_of, size_of};
use core::ops::Range;

use proptest::prelude::*;

use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::{Facts, Head};
use crate::slab::page::Page;
use crate::slab::tables::Tables;
use crate::sync::participants::Slot;
use crate::sync::raw::RawLock;

pub(super) const BYTES: usize = 256 << 10;
pub(super) const SLOTS: u32 = 4;
pub(super) const SLOTS_END: usize = Facts::SLOTS_START + SLOTS as usize * size_of::<Slot>();
pub(super) const LOCK: usize = offset_of!(Head, lock);
/// What becomes of eight bytes somewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blow {
    area: usize,
    place: usize,
    kind: u8,
    number: u64,
}

pub(super) fn blow() -> impl Strategy<Value = Blow> {
    (0..AREAS, any::<usize>(), 0_u8..9, any::<u64>()).prop_map(|(area, place, kind, number)| Blow {
        area,
        place,
        kind,
        number,
    })
}

pub(super) const AREAS: usize = 8;

/// The parts of a heap, so that small ones are hit as often as large ones.
fn areas() -> [Range<usize>; AREAS] {
    let tables = Tables::fit(SLOTS_END, BYTES);
    let pages_start = tables.pages_start();
    let entries = pages_start - tables.count * size_of::<Page>();
    [
        0..Facts::SLOTS_START,
        Head::ROOTS_START..Head::EMPTY_BUFFER,
        Facts::SLOTS_START..SLOTS_END,
        SLOTS_END..entries,
        entries..pages_start,
        pages_start..BYTES,
        // Where the first roots and boxes lie.
        pages_start..pages_start + (16 << 10),
        LOCK..LOCK + size_of::<RawLock>(),
    ]
}

impl Blow {
    /// Each word of an area is another number.
    pub(super) fn all_over(area: usize, numbers: &[u64]) -> impl Iterator<Item = Self> {
        let words = areas()[area].len() / 8;
        let numbers = numbers.iter().cycle().take(words);
        (0..).zip(numbers).map(move |(word, &number)| Self {
            area,
            place: word * 8,
            kind: 1,
            number,
        })
    }

    pub(super) fn fall(self, bytes: &mut [u8], heap: u32) {
        let area = areas()[self.area].clone();
        let at = |place: usize| (area.start + place % area.len()) & !7;
        let place = at(self.place);
        let read = |bytes: &[u8], place: usize| {
            u64::from_ne_bytes(bytes[place..place + 8].try_into().unwrap())
        };
        let (word, number) = (read(bytes, place), self.number);
        let word = match self.kind {
            0 => word ^ (1 << (number % 64)),
            1 => number,
            2 => 0,
            3 => u64::MAX,
            4 => number % 64,
            // Two small numbers: pages, counts, lengths.
            5 => (number % 70) | (((number >> 32) % 70) << 32),
            6 => Handle::new(heap, (number as usize % BYTES) & !7).map_or(0, Handle::bits),
            7 => read(bytes, at(number as usize)),
            // What is there is moved: an eighth of a word at a time.
            _ => word.rotate_left(8 * (number % 8) as u32),
        };
        bytes[place..place + 8].copy_from_slice(&word.to_ne_bytes());
    }
}
