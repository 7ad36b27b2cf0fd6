//! A heap as an allocator, instruction by instruction: after each the process could die.
#![expect(unsafe_code, reason = "calls an allocator")]

use core::alloc::Layout;

use allocator_api2::alloc::Allocator;

use super::stage::Stage;
use super::tour::Tour;

const BYTES: usize = 112 << 10;

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).unwrap()
}

#[test]
fn memory_is_handed_out_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    for bytes in [40, 3000, 40_000] {
        tour.walk("memory is handed out", || _ = heap.allocate(layout(bytes)).unwrap());
    }
    for bytes in [100, 5000] {
        tour.walk("zeros are", || _ = heap.allocate_zeroed(layout(bytes)).unwrap());
    }
    tour.walk("nothing is", || _ = heap.allocate(layout(0)).unwrap());
    tour.walk("there is no room", || _ = heap.allocate(layout(BYTES)).unwrap_err());
}

#[test]
fn memory_comes_back_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    for bytes in [40, 3000, 40_000] {
        let memory = heap.allocate(layout(bytes)).unwrap().cast();
        // SAFETY: handed out above, and nobody else uses it any more.
        tour.walk("it is given back", || unsafe { heap.deallocate(memory, layout(bytes)) });
    }
    assert!(stage.look().unwrap().live.is_empty());
}

/// Makes memory of one size another, and looks how many blocks there are after each instruction.
fn resize(old: usize, new: usize, is_zeroed: bool) -> Option<Vec<usize>> {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let [old, new] = [old, new].map(layout);
    let memory = heap.allocate(old).unwrap().cast();
    let act = || {
        let resized = match new.size() >= old.size() {
            // SAFETY: handed out above, and no smaller.
            true if is_zeroed => unsafe { heap.grow_zeroed(memory, old, new) },
            // SAFETY: as above.
            true => unsafe { heap.grow(memory, old, new) },
            // SAFETY: handed out above, and no larger.
            false => unsafe { heap.shrink(memory, old, new) },
        };
        assert!(resized.is_ok());
    };
    Tour::of(&stage).see("it gets another size", || Ok(stage.recover()?.live.len()), act)
}

#[test]
fn memory_gets_another_size_or_not_whichever_instruction_is_the_last() {
    /// Before, after, and how many blocks there are: where it is moved, a death leaves two.
    const SIZES: &[(usize, usize, &[usize])] = &[
        // In its block.
        (41, 47, &[1]),
        (47, 41, &[1]),
        // In its place.
        (36_000, 60_000, &[1]),
        (60_000, 36_000, &[1]),
        // To another place.
        (40, 400, &[1, 2, 1]),
        (400, 40, &[1, 2, 1]),
        (3000, 12_000, &[1, 2, 1]),
        (12_000, 40_000, &[1, 2, 1]),
        (40_000, 3000, &[1, 2, 1]),
    ];
    for &(old, new, counts) in SIZES {
        let seen = resize(old, new, false);
        assert!(seen.as_deref().is_none_or(|seen| seen == counts), "{old}, {new}: {seen:?}");
    }
    let seen = resize(40, 400, true);
    assert!(seen.as_deref().is_none_or(|seen| seen == [1, 2, 1]), "{seen:?}");
}
