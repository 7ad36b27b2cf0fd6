//! Boxes, instruction by instruction: after each the process could die.
#![expect(unsafe_code, reason = "finds places for boxes in heaps")]

use core::mem::forget;
use core::sync::atomic::Ordering;

use super::stage::{Stage, copy_of};
use super::tour::Tour;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::try_clone::TryClone;
use crate::shared::heap::attached::resolve;
use crate::shared::heap::handle::Handle;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sys::mapping::Memory;

/// A value that need not be dropped, and one that has to be.
type Numbers = [u64; 50];
type Number = ShmBox<u64>;

const BYTES: usize = 64 << 10;

/// A place for a box.
struct Place {
    handle: Handle,
    /// The heap whose blocks the box may own.
    stage: Stage,
}

/// What is left of a place: whether something is there, and how many blocks nobody has.
type Left = (bool, usize);

const EMPTY: Left = (false, 0);
const FULL: Left = (true, 0);

/// Nothing is there, and so many blocks are nobody's.
const fn lost(blocks: usize) -> Left {
    (false, blocks)
}

impl Place {
    /// One in the heap of the stage.
    fn here<T: ShmSafe>() -> Self {
        let stage = Stage::new(BYTES);
        let handle = stage.heap.attached.insert(None::<ShmBox<T>>).ok().unwrap();
        Self { handle, stage }
    }

    /// One in another heap.
    fn elsewhere<T: ShmSafe>() -> Self {
        let stage = Stage::new(BYTES);
        let heap = SharedHeap::build(Memory::memfd(BYTES).unwrap(), 4).unwrap();
        heap.attached.attachment.forget();
        let handle = heap.attached.insert(None::<ShmBox<T>>).ok().unwrap();
        stage.elsewhere.set(heap.attached.word_at(handle.offset()));
        Self { handle, stage }
    }

    /// Each child works on it alone, and stands still or is dead when others look.
    fn with<T, R>(&self, act: impl FnOnce(&mut Option<ShmBox<T>>) -> R) -> R {
        let mut place = resolve(self.handle, 8, 8).unwrap().cast();
        // SAFETY: inserted above, and nobody uses it until this returns.
        act(unsafe { place.as_mut() })
    }

    fn insert<T: ShmSafe>(&self, value: T) {
        self.with(|place| ShmBox::insert_in(place, value, &self.stage.heap).unwrap());
    }

    fn remove<T: ShmSafe>(&self) {
        self.with(ShmBox::<T>::remove_from);
    }

    /// Walks through something that is done to the place; `blocks` are owned by what is there.
    fn walk(
        &self,
        tour: &mut Tour<'_>,
        name: &'static str,
        blocks: usize,
        act: impl Fn(),
        left: &[Left],
    ) {
        let Self { handle, stage } = self;
        let is_elsewhere = stage.elsewhere.get().is_some();
        let look = || {
            let live = stage.recover()?.live;
            let word = || stage.copy.word_at(handle.offset()).unwrap().load(Ordering::Relaxed);
            let there = Handle::from_bits(stage.word_elsewhere().unwrap_or_else(word));
            let has_block = |there| {
                let block = stage.copy.slab_offset(there);
                live.iter().any(|&(offset, _)| offset == block)
            };
            assert!(there.is_none_or(has_block), "{name}: the block of what is there is free");
            let owned = usize::from(!is_elsewhere) + there.map_or(0, |_| blocks);
            Ok((there.is_some(), live.len() - owned))
        };
        let seen = tour.see(name, look, act);
        assert!(seen.as_deref().is_none_or(|seen| seen == left), "{name}: {seen:?}");
    }
}

#[test]
fn a_box_is_emptied_and_copied_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let numbers = ShmBox::new_in([7_u64; 50], heap).unwrap();
    tour.walk("it is copied", || forget(numbers.try_clone().unwrap()));
    tour.walk("its value is taken out", || {
        // SAFETY: the original is forgotten.
        assert_eq!(unsafe { copy_of(&numbers) }.into_inner(), [7; 50]);
    });
    let boxed = ShmBox::new_in(ShmBox::new_in(7_u64, heap).unwrap(), heap).unwrap();
    let blocks = || Ok(stage.recover()?.live.len());
    let mut count = |name, act: &dyn Fn(), left: &[usize]| {
        let seen = tour.see(name, blocks, act);
        assert!(seen.as_deref().is_none_or(|seen| seen == left), "{name}: {seen:?}");
    };
    count("a box of a box is copied", &|| forget(boxed.try_clone().unwrap()), &[3, 4, 5]);
    // SAFETY: the original is forgotten.
    let take_out = || forget(unsafe { copy_of(&boxed) }.into_inner());
    count("a box is taken out", &take_out, &[5, 4]);
    forget((numbers, boxed));
}

#[test]
fn what_a_place_had_goes_before_another_comes_whichever_instruction_is_the_last() {
    let place = Place::here::<Numbers>();
    let mut tour = Tour::of(&place.stage);
    let insert = |value: u64| place.insert([value; 50]);
    place.walk(&mut tour, "it is filled", 1, || insert(7), &[EMPTY, FULL]);
    place.walk(&mut tour, "it is filled anew", 1, || insert(8), &[FULL, EMPTY, FULL]);
    place.with(|place| assert_eq!(place.as_deref(), Some(&[8_u64; 50])));
    let remove = || place.remove::<Numbers>();
    place.walk(&mut tour, "it is emptied", 1, remove, &[FULL, EMPTY]);
}

#[test]
fn what_is_dropped_in_a_place_is_lost_at_worst_whichever_instruction_is_the_last() {
    let place = Place::here::<Number>();
    let heap = &place.stage.heap;
    let mut tour = Tour::of(&place.stage);
    let insert = || place.insert(ShmBox::new_in(7_u64, heap).unwrap());
    place.walk(&mut tour, "it is filled", 2, insert, &[EMPTY, lost(1), FULL]);
    let left = [FULL, (true, 1), lost(3), lost(2), lost(1), FULL];
    place.walk(&mut tour, "it is filled anew", 2, insert, &left);
    let remove = || place.remove::<Number>();
    place.walk(&mut tour, "it is emptied", 2, remove, &[FULL, lost(2), lost(1), EMPTY]);
}

#[test]
fn a_block_whose_place_is_elsewhere_is_lost_at_worst_whichever_instruction_is_the_last() {
    let place = Place::elsewhere::<Numbers>();
    let mut tour = Tour::of(&place.stage);
    let insert = |value: u64| place.insert([value; 50]);
    let left = [EMPTY, lost(1), FULL];
    place.walk(&mut tour, "it is filled", 1, || insert(7), &left);
    let left = [FULL, lost(1), EMPTY, lost(1), FULL];
    place.walk(&mut tour, "it is filled anew", 1, || insert(8), &left);
    place.with(|place| assert_eq!(place.as_deref(), Some(&[8_u64; 50])));
    let remove = || place.remove::<Numbers>();
    place.walk(&mut tour, "it is emptied", 1, remove, &[FULL, lost(1), EMPTY]);
}
