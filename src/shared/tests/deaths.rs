//! A death after any machine instruction leaves a vector whose elements are all there.
#![expect(unsafe_code, reason = "saves and restores the bytes of a heap")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{mem, ptr, slice};

use crate::error::AllocError;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::try_clone::TryClone;
use crate::shared::containers::vec::ShmVec;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::{Traced, stand_still};
use crate::sys::mapping::Memory;
use crate::sys::tests::left_out::left_out;

/// An element of several words, two of which own something.
#[repr(C)]
struct Pair {
    one: ShmBox<u64>,
    number: u64,
    other: ShmBox<u64>,
}

// SAFETY: `repr(C)` of `ShmSafe` fields.
unsafe impl ShmSafe for Pair {
    const SCHEMA: Schema = Schema::new::<Self>("Pair");
}

impl TryClone for Pair {
    fn try_clone(&self) -> Result<Self, AllocError> {
        let (one, other) = (self.one.try_clone()?, self.other.try_clone()?);
        Ok(Self { one, number: self.number, other })
    }
}

impl Pair {
    fn new(number: u64, heap: &SharedHeap) -> Self {
        let boxed = || ShmBox::new_in(number, heap).unwrap();
        Self { one: boxed(), number, other: boxed() }
    }
}

const BYTES: usize = 48 << 10;

type Vector = ShmVec<Pair>;

/// What a process is doing that dies.
type Act = fn(&mut [Vector; 2], &SharedHeap);

/// Its name, whether elements may be in two places meanwhile, and how many blocks nobody owns at worst.
type Deed = (&'static str, bool, usize, Act);

const DEEDS: &[Deed] = &[
    ("push", false, 2, |[vec, _], heap| vec.push(Pair::new(90, heap)).unwrap()),
    ("push that grows", false, 2, |[vec, _], heap| {
        vec.shrink_to_fit();
        vec.push(Pair::new(90, heap)).unwrap();
    }),
    ("pop", false, 2, |[vec, _], _| drop(vec.pop())),
    ("insert", true, 4, |[vec, _], heap| vec.insert(2, Pair::new(90, heap)).unwrap()),
    ("remove", true, 2, |[vec, _], _| drop(vec.remove(2))),
    ("swap_remove", true, 2, |[vec, _], _| drop(vec.swap_remove(2))),
    ("truncate", false, 2, |[vec, _], _| vec.truncate(3)),
    ("clear and shrink", false, 2, |[vec, _], _| {
        vec.clear();
        vec.shrink_to_fit();
    }),
    ("retain", true, 2, |[vec, _], _| vec.retain(|pair| pair.number % 3 == 1)),
    ("dedup", true, 2, |[vec, _], _| vec.dedup_by_key(|pair| pair.number / 2)),
    // All while the iterator has them, and then one after another.
    ("drain", true, 4, |[vec, _], _| drop(vec.drain(1..3))),
    ("split_off", false, 7, |[vec, _], _| drop(vec.split_off(3).unwrap())),
    ("append", false, 6, |[vec, other], _| vec.append(other).unwrap()),
    ("extend_from_slice", false, 17, |[vec, _], _| {
        let other = vec.try_clone().unwrap();
        vec.extend_from_slice(&other[..2]).unwrap();
    }),
    ("try_extend", false, 2, |[vec, _], heap| {
        vec.try_extend((90..93).map(|number| Pair::new(number, heap))).unwrap();
    }),
    ("resize", false, 4, |[vec, _], heap| vec.resize(8, Pair::new(90, heap)).unwrap()),
    ("resize_with", false, 4, |[vec, _], heap| {
        vec.resize_with(8, || Pair::new(90, heap)).unwrap();
    }),
    ("extend_from_within", false, 4, |[vec, _], _| vec.extend_from_within(1..3).unwrap()),
    ("reserve", false, 0, |[vec, _], _| vec.reserve(100).unwrap()),
    ("reserve_exact", false, 0, |[vec, _], _| vec.reserve_exact(100).unwrap()),
    // All of it from the start.
    ("into_iter", false, 13, |[vec, _], heap| {
        let vec = mem::replace(vec, ShmVec::new_in(heap));
        assert_eq!(vec.into_iter().skip(1).map(|pair| pair.number).sum::<u64>(), 15);
    }),
    ("try_clone", false, 13, |[vec, _], _| drop(vec.try_clone().unwrap())),
    ("from_slice_in", false, 5, |[vec, _], heap| {
        drop(ShmVec::from_slice_in(&vec[..2], heap).unwrap());
    }),
    ("from_iter_in", false, 5, |_, heap| {
        let pairs = (90..92).map(|number| Pair::new(number, heap));
        drop(ShmVec::from_iter_in(pairs, heap).unwrap());
    }),
    ("with_capacity_in", false, 1, |_, heap| {
        drop(Vector::with_capacity_in(10, heap).unwrap());
    }),
    ("replacing it", false, 2, |[vec, _], heap| *vec = ShmVec::new_in(heap)),
];

/// What a death leaves.
struct Left {
    /// How many words are others than after the last one.
    changed: usize,
    /// How many boxes are there twice.
    twice: usize,
    /// How many blocks there are, and how many of them nobody owns.
    blocks: usize,
    unowned: usize,
}

#[test]
fn a_vector_is_whole_whichever_instruction_is_the_last() {
    for &(name, moves, most, act) in DEEDS {
        let (mut states, mut seen, mut lost) = (0, BTreeSet::new(), 0);
        let traced = see_deaths(act, |left| {
            states += 1;
            // No instruction writes more of an element that is moved than a word.
            assert!(!moves || left.changed <= 1, "{name}");
            assert!(moves || left.twice == 0, "{name}: {} are there twice", left.twice);
            seen.insert(left.twice);
            lost = lost.max(left.unowned);
        });
        if !traced {
            left_out("the system lets nobody trace");
            return;
        }
        assert!(states > 2 && seen.len() > usize::from(moves), "{name}: {seen:?}");
        println!("{name}: {states} states, {seen:?} twice, {lost} lost");
        assert_eq!(lost, most, "{name}: blocks that nobody owns");
    }
}

#[test]
fn what_a_drain_drops_is_the_vectors_again() {
    let (mut blocks, mut fewest) = (0, usize::MAX);
    see_deaths(
        |[vec, _], _| {
            let mut drain = vec.drain(1..5);
            mem::forget(drain.next());
        },
        |left| {
            blocks = blocks.max(left.blocks);
            fewest = fewest.min(left.blocks);
            // That which was taken, and that which is being dropped.
            let most = if left.blocks < blocks { 4 } else { 8 };
            assert!(left.unowned <= most, "{} blocks are lost", left.unowned);
        },
    );
    assert!(blocks == 0 || fewest == blocks - 6, "{fewest} of {blocks}");
}

/// Has a process do something, and looks at what it would leave if it died, after each instruction that
/// changes the heap. Returns whether the system lets a process be traced.
fn see_deaths(act: Act, mut see: impl FnMut(Left)) -> bool {
    let heap = SharedHeap::build(Memory::memfd(BYTES).unwrap(), 4).unwrap();
    // Nobody who finds another dead in another test is to settle this one meanwhile.
    heap.attached.attachment.forget();
    let pairs = |numbers: Range<u64>| numbers.map(|number| Pair::new(number, &heap));
    let vecs = [0..6, 20..23].map(|it| ShmVec::from_iter_in(pairs(it), &heap).unwrap());
    let mut shared = ShmBox::new_in(vecs, &heap).unwrap();
    shared[0].reserve(10).unwrap();
    let stage = ShmBox::new_in(AtomicU32::new(0), &heap).unwrap();
    let work = |shared: &mut [Vector; 2]| {
        // Takes part in the heap.
        drop(ShmBox::new_in(0_u64, &heap).unwrap());
        stand_still();
        stage.store(1, Ordering::Relaxed);
        act(shared, &heap);
        stage.store(2, Ordering::Relaxed);
    };
    let _near = OneProcessor::stay();
    let Some(mut child) = Traced::fork(|| work(&mut shared)) else { return false };
    assert!(child.run(), "it ends before it begins");
    let mut last = Vec::new();
    while stage.load(Ordering::Relaxed) < 2 {
        assert!(child.step(), "it ends before it is over");
        let bytes = bytes_of(&heap);
        if stage.load(Ordering::Relaxed) == 1 && bytes != last {
            let bytes = bytes.to_vec();
            let changed = bytes.iter().zip(&last).filter(|(now, before)| now != before).count();
            let left = look(&heap, &shared, &stage);
            // SAFETY: they are those of this heap.
            unsafe { restore(&heap, &bytes) };
            see(Left { changed, ..left });
            last = bytes;
        }
    }
    heap.check().unwrap();
    true
}

/// Puts the heap in order as after a death, and looks at all elements: each is there, and all that
/// it owns is its own, or of another one that is the same.
fn look(heap: &SharedHeap, shared: &ShmBox<[Vector; 2]>, stage: &ShmBox<AtomicU32>) -> Left {
    let (attached, mut live) = (heap.attached, BTreeSet::new());
    let word = |place| Some(attached.word_at(place)?.load(Ordering::Acquire));
    attached.head.intent.settle(&attached.slab, word).unwrap();
    attached.sight().check().unwrap();
    attached.slab.check(|offset, _| _ = live.insert(offset)).unwrap();
    let mut owned = BTreeSet::new();
    let mut is_live =
        |handle| live.contains(&attached.slab_offset(handle)) && owned.insert(handle.bits());
    assert!(is_live(shared.handle) && is_live(stage.handle));
    for vec in &**shared {
        assert!(vec.capacity() >= vec.len());
        assert!(vec.capacity() == 0 || is_live(vec.buffer.handle()));
    }
    let mut twice = 0;
    for pair in shared.iter().flatten() {
        for one in [&pair.one, &pair.other] {
            assert!(live.contains(&attached.slab_offset(one.handle)), "its block is free");
            assert!(**one < 100);
            twice += usize::from(!owned.insert(one.handle.bits()));
        }
    }
    Left { changed: 0, twice, blocks: live.len(), unowned: live.len() - owned.len() }
}

/// All of a heap, while the only other process stands still.
fn bytes_of(heap: &SharedHeap) -> &[u64] {
    let start = heap.attached.region.start().cast::<u64>().as_ptr();
    // SAFETY: so many bytes are mapped, and nobody writes while they are looked at.
    unsafe { slice::from_raw_parts(start, heap.attached.facts.bytes / 8) }
}

/// Makes the bytes of a heap what they were.
///
/// # Safety
///
/// They are of this heap.
unsafe fn restore(heap: &SharedHeap, bytes: &[u64]) {
    let start = heap.attached.region.start().cast::<u64>().as_ptr();
    // SAFETY: so many bytes are mapped; the only other process stands still.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
}
