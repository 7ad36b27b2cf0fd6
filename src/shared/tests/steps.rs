//! Operations on a heap, instruction by instruction: after each the process could die.
#![expect(unsafe_code, reason = "gives back what is another process's")]

use core::alloc::Layout;
use core::mem::{ManuallyDrop, forget};
use core::ptr::{self, NonNull};

use super::stage::{Recovered, Stage, copy_of};
use super::tour::Tour;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::buffer::Buffer;
use crate::shared::heap::attached::resolve;
use crate::shared::heap::blocks::Fill;
use crate::shared::heap::roots::bucket_of;
use crate::sync::owner::Owner;

#[test]
fn blocks_are_taken_and_given_back_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(200 << 10);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let kept = ShmBox::new_in([0_u8; 100], heap).unwrap();
    tour.walk("a box in a run that there is", || {
        forget(ShmBox::new_in([1_u8; 100], heap).unwrap())
    });
    tour.walk("a box in a new run", || forget(ShmBox::new_in([1_u8; 200], heap).unwrap()));
    let pages = Layout::new::<[u8; 40_000]>();
    tour.walk("whole pages", || _ = heap.alloc_layout(pages).unwrap());
    tour.walk("no room", || _ = heap.alloc_layout(Layout::new::<[u8; 400_000]>()).unwrap_err());
    let other = ShmBox::new_in([0_u8; 100], heap).unwrap();
    // SAFETY: the child gives back what is its parent's: here nobody uses it any more.
    tour.walk("a box is dropped", || drop(unsafe { copy_of(&other) }));
    // SAFETY: as above.
    tour.walk("a box and its run are dropped", || drop(unsafe { copy_of(&kept) }));
    let pages_there = heap.alloc_layout(pages).unwrap();
    // SAFETY: as above.
    tour.walk("whole pages are given back", || unsafe { heap.dealloc(pages_there, pages) });
    forget((kept, other));
}

#[test]
fn a_vector_that_lies_in_the_heap_grows_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(200 << 10);
    let heap = &stage.heap;
    let place = heap.attached.insert(Buffer::<u64>::new(heap.attached)).ok().unwrap();
    stage.watch.set(Some(place.offset()));
    // SAFETY: inserted above; each child works on it alone, and stands still or is dead when others look.
    let buffer = || unsafe { resolve(place, 8, 8).unwrap().cast::<Buffer<u64>>().as_mut() };
    let mut tour = Tour::of(&stage);
    for capacity in [8, 100, 5000, 6000, 300, 10] {
        tour.walk("a vector gets another capacity", || buffer().resize(capacity).unwrap());
        push(buffer(), capacity as u64);
        assert_eq!(buffer().as_slice().last(), Some(&(capacity as u64)));
    }
    tour.walk("one is pushed", || push(buffer(), 7));
    // SAFETY: as above.
    tour.walk("it is dropped", || drop(unsafe { ptr::read(buffer()) }));
}

#[test]
fn a_place_is_filled_and_emptied_or_not_whichever_instruction_is_the_last() {
    /// What the watch takes for a vector: it has 48 numbers.
    const VALUE: [u64; 50] = [48; 50];
    let stage = Stage::new(200 << 10);
    let heap = &stage.heap;
    let handle = heap.attached.insert(None::<ShmBox<[u64; 50]>>).ok().unwrap();
    stage.watch.set(Some(handle.offset()));
    // SAFETY: inserted above; each child works on it alone, and stands still or is dead when others look.
    let place = || unsafe { resolve(handle, 8, 8).unwrap().cast::<Option<ShmBox<_>>>().as_mut() };
    let mut tour = Tour::of(&stage);
    tour.walk("it is filled", || ShmBox::insert_in(place(), VALUE, heap).unwrap());
    assert_eq!(place().as_deref(), Some(&VALUE));
    tour.walk("it is emptied", || ShmBox::remove_from(place()));
    assert_eq!(place().as_deref(), None);
}

#[test]
fn a_long_copy_is_made_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(400 << 10);
    let attached = stage.heap.attached;
    let place = attached.insert(0_u64).ok().unwrap().offset();
    stage.watch.set(Some(place));
    let word = || attached.word_at(place).unwrap();
    let mut tour = Tour::of(&stage);
    let mut old = None;
    for (bytes, number) in [(80_000, 7), (600, 8), (120_000, 9)] {
        let new = Layout::from_size_align(bytes, 8).unwrap();
        // What the watch takes for a vector of two numbers.
        let write = |block: NonNull<u8>| {
            // SAFETY: there is room for more.
            unsafe { block.cast::<[u64; 4]>().write([2, 2, number, number]) };
        };
        tour.walk("what the word leads to is moved", || {
            let fill = Fill { bytes: usize::MAX, write };
            // SAFETY: the word leads to what was put there before, or nowhere, and `write` writes 32 bytes.
            unsafe { attached.replace(word(), old, new, fill) }.unwrap();
        });
        old = Some(new);
    }
    // A block that somebody was filling who is dead by now.
    let lost = attached.insert([7_u64; 100]).ok().unwrap();
    let dead = Owner::new(3, 1);
    tour.walk("it is given back", || {
        attached.head.flights[5].begin(dead, attached.slab_offset(lost));
        stage.heap.reap();
    });
    assert!(!attached.has_lost_blocks());
}

#[test]
fn a_root_is_made_and_removed_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(200 << 10);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let names = names_of_one_list();
    let [one, two, three] = names.each_ref().map(String::as_str);
    for name in [one, two, three] {
        tour.walk("a root is made", || _ = heap.root_or_insert_with(name, || 7_u64).unwrap());
    }
    tour.walk("a root is found", || _ = heap.root::<u64>(two).unwrap());
    tour.walk("a root is of another type", || _ = heap.root::<u32>(two).unwrap_err());
    assert_eq!(heap.roots().unwrap().len(), 3);
    for name in [two, one, three] {
        let mut hidden = stage.look().unwrap();
        for root in hidden.roots.iter_mut().filter(|root| *root == name) {
            *root = format!("-{name}");
        }
        hidden.roots.sort();
        tour.walk_besides("a root is removed", vec![hidden], || {
            heap.remove_root::<u64>(name).unwrap();
        });
    }
    assert_eq!(stage.look().unwrap(), Recovered::default());
}

#[test]
fn a_vector_of_the_process_grows_or_not_whichever_instruction_is_the_last() {
    let stage = Stage::new(200 << 10);
    let heap = &stage.heap;
    let mut buffer = Buffer::<u64>::new(heap.attached);
    buffer.resize(8).unwrap();
    let mut tour = Tour::of(&stage);
    let nothing = Recovered::default();
    tour.walk_besides("it grows", vec![nothing], || {
        // SAFETY: the child has it alone.
        let mut copy = ManuallyDrop::new(unsafe { ptr::read(&buffer) });
        copy.resize(100).unwrap();
    });
    forget(buffer);
}

/// Names of roots that stand in the same list.
fn names_of_one_list() -> [String; 3] {
    let names = (0..).map(|number: u32| format!("root {number}"));
    let of_one = names.filter(|name| bucket_of(name) == 7);
    of_one.take(3).collect::<Vec<_>>().try_into().unwrap()
}

fn push(buffer: &mut Buffer<u64>, number: u64) {
    buffer.reserve(1).unwrap();
    let length = buffer.len();
    // SAFETY: there is room for one more.
    unsafe { buffer.place(length).write(number) };
    // SAFETY: written above.
    unsafe { buffer.set_len(length + 1) };
}
