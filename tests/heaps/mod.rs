//! Heaps, and elements of all kinds that know their number.
#![allow(dead_code, reason = "each test uses a part of this room")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use aquifer::{
    AllocError, Backing, HeapOptions, Schema, SharedHeap, ShmBox, ShmSafe, ShmString, TryClone,
};

/// A heap of some MiB, for a test.
pub(crate) fn heap() -> SharedHeap {
    SharedHeap::create(&Backing::Memfd, 4 << 20).unwrap()
}

/// One that is soon full.
pub(crate) fn small_heap() -> SharedHeap {
    HeapOptions::new(64 << 10).participants(4).create(&Backing::Memfd).unwrap()
}

/// How many blocks are handed out, of classes and of whole pages; the heap is in order.
pub(crate) fn in_use(heap: &SharedHeap) -> (usize, usize) {
    heap.check().unwrap();
    let stats = heap.stats();
    (stats.classes.iter().map(|class| class.used).sum(), stats.whole_pages)
}

/// Fails if anything is handed out.
#[track_caller]
pub(crate) fn assert_all_is_given_back(heap: &SharedHeap) {
    assert_eq!(in_use(heap), (0, 0));
}

/// What a test makes of a number, and finds again.
pub(crate) trait Element: ShmSafe + TryClone + PartialEq {
    /// What is left of a number in this kind of element.
    fn rounded(number: u32) -> u32 {
        number
    }

    fn make(number: u32, heap: &SharedHeap) -> Self;

    fn number(&self) -> u32;
}

impl Element for u8 {
    fn rounded(number: u32) -> u32 {
        number % 256
    }

    fn make(number: u32, _: &SharedHeap) -> Self {
        number as u8
    }

    fn number(&self) -> u32 {
        (*self).into()
    }
}

impl Element for u64 {
    fn make(number: u32, _: &SharedHeap) -> Self {
        u64::from(number) << 32 | u64::from(!number)
    }

    fn number(&self) -> u32 {
        assert_eq!((*self >> 32) as u32, !(*self as u32));
        (*self >> 32) as u32
    }
}

impl Element for [u8; 40] {
    fn make(number: u32, _: &SharedHeap) -> Self {
        std::array::from_fn(|index| number.to_le_bytes()[index % 4])
    }

    fn number(&self) -> u32 {
        assert!(self.chunks(4).all(|chunk| chunk == &self[..4]));
        u32::from_le_bytes(*self.first_chunk().unwrap())
    }
}

/// An element of a cache line.
#[repr(C, align(64))]
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line(u32);

// SAFETY: `repr(C)` around a number.
unsafe impl ShmSafe for Line {
    const SCHEMA: Schema = Schema::new::<Self>("Line");
}

impl Element for Line {
    fn make(number: u32, _: &SharedHeap) -> Self {
        Self(number)
    }

    fn number(&self) -> u32 {
        assert_eq!((&raw const *self).addr() % 64, 0);
        self.0
    }
}

/// An element without bytes.
#[repr(C)]
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Nothing;

// SAFETY: it has no bytes.
unsafe impl ShmSafe for Nothing {
    const SCHEMA: Schema = Schema::new::<Self>("Nothing");
}

impl Element for Nothing {
    fn rounded(_: u32) -> u32 {
        0
    }

    fn make(_: u32, _: &SharedHeap) -> Self {
        Self
    }

    fn number(&self) -> u32 {
        0
    }
}

impl Element for ShmString {
    fn make(number: u32, heap: &SharedHeap) -> Self {
        Self::from_str_in(&number.to_string(), heap).unwrap()
    }

    fn number(&self) -> u32 {
        self.parse().unwrap()
    }
}

impl Element for ShmBox<u32> {
    fn make(number: u32, heap: &SharedHeap) -> Self {
        Self::new_in(number, heap).unwrap()
    }

    fn number(&self) -> u32 {
        **self
    }
}

/// An element of several words, some of which own something.
#[repr(C)]
#[derive(PartialEq, Debug)]
pub(crate) struct Named {
    number: u64,
    name: Option<ShmString>,
    again: ShmBox<u32>,
}

// SAFETY: `repr(C)` of `ShmSafe` fields.
unsafe impl ShmSafe for Named {
    const SCHEMA: Schema = Schema::new::<Self>("Named");
}

impl TryClone for Named {
    fn try_clone(&self) -> Result<Self, AllocError> {
        let name = self.name.as_ref().map(TryClone::try_clone).transpose()?;
        Ok(Self { number: self.number, name, again: self.again.try_clone()? })
    }
}

impl Element for Named {
    fn make(number: u32, heap: &SharedHeap) -> Self {
        let name = (number % 3 > 0).then(|| ShmString::make(number, heap));
        Self { number: number.into(), name, again: ShmBox::make(number, heap) }
    }

    fn number(&self) -> u32 {
        assert_eq!(self.name.is_some(), self.number % 3 > 0);
        assert!(self.name.as_ref().is_none_or(|name| u64::from(name.number()) == self.number));
        assert_eq!(u64::from(*self.again), self.number);
        *self.again
    }
}

thread_local! {
    /// How often each was made, less how often it was dropped.
    static ALIVE: RefCell<BTreeMap<u32, i32>> = const { RefCell::new(BTreeMap::new()) };
    /// The number of the element that panics the next time it is cloned or dropped.
    static PANICS: Cell<Option<u32>> = const { Cell::new(None) };
}

/// An element whose drops are counted, by thread.
#[repr(C, align(8))]
#[derive(PartialEq, Debug)]
pub(crate) struct Counted(u32);

// SAFETY: `repr(C)` around a number; it is dropped by its test alone.
unsafe impl ShmSafe for Counted {
    const SCHEMA: Schema = Schema::new::<Self>("Counted");
}

impl Counted {
    pub(crate) fn new(number: u32) -> Self {
        ALIVE.with_borrow_mut(|alive| *alive.entry(number).or_default() += 1);
        Self(number)
    }

    pub(crate) fn number(&self) -> u32 {
        self.0
    }

    /// Has the next clone or drop of the element with a number panic.
    pub(crate) fn panic_at(number: u32) {
        PANICS.set(Some(number));
    }

    fn meet(&self) {
        if PANICS.get() == Some(self.0) {
            PANICS.set(None);
            panic!("element {}", self.0);
        }
    }

    /// The numbers of those that are alive; none was dropped twice.
    pub(crate) fn alive() -> Vec<u32> {
        ALIVE.with_borrow(|alive| {
            assert!(alive.values().all(|&count| count >= 0), "dropped twice: {alive:?}");
            alive.iter().flat_map(|(&number, &count)| vec![number; count as usize]).collect()
        })
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.meet();
        Self::new(self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.with_borrow_mut(|alive| *alive.entry(self.0).or_default() -= 1);
        self.meet();
    }
}
