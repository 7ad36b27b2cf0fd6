//! What a check finds wrong, and that it finds it.
#![forbid(unsafe_code)]

use core::alloc::Layout;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::{Facts, Head};
use crate::shared::heap::record_head::State;
use crate::shared::heap::roots::bucket_of;
use crate::slab::tables::Tables;
use crate::sys::mapping::Memory;

/// So far from its start a root's block has its marks, with two slots.
const MARKS: usize = 56;

const BYTES: usize = 1 << 20;

fn heap() -> SharedHeap {
    heap_of(BYTES)
}

fn heap_of(bytes: usize) -> SharedHeap {
    let heap = SharedHeap::build(Memory::memfd(bytes).unwrap(), 2).unwrap();
    for name in ["one", "two", "three"] {
        heap.root_or_insert_with(name, || 7_u64).unwrap();
    }
    heap.check().unwrap();
    heap
}

pub(super) fn word(heap: &SharedHeap, place: usize) -> &AtomicU64 {
    heap.attached.word_at(place).unwrap()
}

/// Where something is.
pub(super) fn place_of<T>(heap: &SharedHeap, part: &T) -> usize {
    heap.attached.offset_of(core::ptr::from_ref(part).addr()).unwrap()
}

/// Where the block of a root is.
fn root(heap: &SharedHeap, name: &str) -> usize {
    let list = Head::ROOTS_START + bucket_of(name) * 8;
    Handle::from_bits(word(heap, list).load(Ordering::Relaxed)).unwrap().offset()
}

/// Writes a number somewhere, and expects a check to say so; and to be content when it is as it was.
fn expect(heap: &SharedHeap, place: usize, number: u64, text: &str) {
    let word = word(heap, place);
    let before = word.swap(number, Ordering::Relaxed);
    let damage = heap.check().expect_err(text).to_string();
    assert!(damage.contains(text), "{damage:?} instead of {text:?}");
    word.store(before, Ordering::Relaxed);
    heap.check().unwrap();
}

#[test]
fn what_is_wrong_in_the_head_is_found() {
    let heap = heap();
    expect(&heap, 0, 1, "what the heap says of itself");
    expect(&heap, offset_of!(Head, participants), 3, "the number of participants");
    expect(&heap, offset_of!(Head, intent), 4096, "an operation that nobody is at");
    let pending = place_of(&heap, &heap.attached.slab.header.pending);
    for block in [0, 4096, 1 << 40] {
        expect(&heap, pending, block, "a block on its way to nobody is wrong in its head");
    }
    expect(&heap, Head::EMPTY_BUFFER, 1, "the head of all empty vectors");
    expect(&heap, Head::EMPTY_BUFFER + 8, 1, "the head of all empty vectors");
}

#[test]
fn blocks_that_nobody_can_be_filling_are_found() {
    let heap = heap();
    heap.attached.attachment.forget();
    let boxes = [(); 3].map(|()| ShmBox::new_in([7_u64; 100], &heap).unwrap());
    let [free, mine, _] = boxes.each_ref().map(|boxed| heap.attached.slab_offset(boxed.handle));
    let [gone, _stay, _stay_too] = boxes;
    drop(gone);
    let [first, second] =
        [0, 1].map(|index| place_of(&heap, &heap.attached.head.flights[index]) + 8);
    let is_wrong = "a block that is filled is wrong in its head";
    // No block, one that is free, and none beyond the pages.
    for none in [mine + 8, free, BYTES, usize::MAX - 1] {
        expect(&heap, first, none as u64 + 1, is_wrong);
    }
    word(&heap, first).store(mine as u64 + 1, Ordering::Relaxed);
    expect(&heap, second, mine as u64 + 1, is_wrong);
    word(&heap, first).store(0, Ordering::Relaxed);
}

#[test]
fn a_slot_without_a_state_is_found() {
    let heap = heap();
    let other = Facts::SLOTS_START + 32;
    for liveness in [1 << 31, 1 << 22, 1 << 30 | 5, 1 << 31 | 1 << 29, 1 << 30 | 1 << 29] {
        expect(&heap, other, liveness, "the slot of participant 1");
    }
    for liveness in [0, 5, 1 << 31 | 5, 1 << 30, 1 << 31 | 1 << 30, 1 << 29, 1 << 29 | 77] {
        word(&heap, other).store(liveness, Ordering::Relaxed);
        heap.check().unwrap();
    }
    word(&heap, other).store(0, Ordering::Relaxed);
}

#[test]
fn a_page_that_nobody_has_is_found() {
    let heap = heap();
    let entry = heap.attached.slab.pages.as_ptr().addr() - heap.attached.region.address();
    expect(&heap, entry, 9, "no run begins at page 0");
}

#[test]
fn what_is_wrong_with_a_root_is_found() {
    let heap = heap();
    let root = root(&heap, "one");
    let place = format!("the root at {root:#x}");
    let get = |place: usize| word(&heap, place).load(Ordering::Relaxed);
    expect(&heap, root + 16, 1 << 20, "the length is wrong");
    expect(&heap, root + 24, get(root + 24) & !0xFFFF_FFFF | 8, "the length is wrong");
    // The name is longer than there is room.
    expect(&heap, root + 24, get(root + 24) & 0xFFFF_FFFF | 60 << 32, "the length is wrong");
    expect(&heap, root + 24, get(root + 24) & 0xFFFF_FFFF, "the length of the name");
    expect(&heap, root + 32, get(root + 32) & 0xFFFF_FFFF | 3 << 32, "the state");
    expect(&heap, root + 32, get(root + 32) & 0xFFFF_FFFF | 2 << 32, "who drops it");
    expect(&heap, root + 40, 2 << 32, "the state");
    // Nobody has so high a slot.
    word(&heap, root + 40).store(3, Ordering::Relaxed);
    expect(&heap, root + 32, get(root + 32) & 0xFFFF_FFFF | 2 << 32, "who drops it");
    word(&heap, root + 40).store(0, Ordering::Relaxed);
    for mark in [1 << 12 | 2, 1 << 31, (1 << 12 | 1) << 32] {
        expect(
            &heap,
            root + MARKS - 8,
            mark,
            &format!("a mark of who has found it is wrong of {place}"),
        );
    }
    for text in [*b"\xFFneu64\0\0", *b"oneu6\xFF\0\0"] {
        expect(&heap, root + MARKS, u64::from_ne_bytes(text), "a text");
    }
    expect(&heap, root + MARKS, u64::from_ne_bytes(*b"Oneu64\0\0"), "the list is wrong");
}

#[test]
fn a_value_that_lies_elsewhere_is_found() {
    let heap = heap();
    let root = root(&heap, "one");
    let words = word(&heap, root + 24).load(Ordering::Relaxed) & !0xFFFF_FFFF;
    // It is 64 behind the start, behind 62 bytes, and ends at 72.
    for start in [61, 63, 65, 68, 72, 80, 128] {
        expect(&heap, root + 24, words | start, "the length is wrong");
    }
    for bytes in [63, 73, 4096, u64::MAX] {
        expect(&heap, root + 16, bytes, "the length is wrong");
    }
}

#[test]
fn a_name_that_is_too_long_is_found() {
    let heap = heap();
    let name = "n".repeat(255);
    heap.root_or_insert_with(&name, || 7_u64).unwrap();
    let lengths = root(&heap, &name) + 24;
    let is_one_more = word(&heap, lengths).load(Ordering::Relaxed) + (1 << 32);
    expect(&heap, lengths, is_one_more, "the length of the name is wrong");
}

#[test]
fn two_roots_of_one_name_are_found() {
    let heap = heap();
    let name = |number: u32| format!("{number:08}");
    // In one list, or else that is wrong, too.
    let other = (1..).find(|&other| bucket_of(&name(other)) == bucket_of(&name(0))).unwrap();
    heap.root_or_insert_with(&name(0), || 7_u64).unwrap();
    heap.root_or_insert_with(&name(other), || 7_u64).unwrap();
    let last = root(&heap, &name(other));
    let text = u64::from_ne_bytes(name(0).as_bytes().try_into().unwrap());
    expect(&heap, last + MARKS, text, "the name, which another has, is wrong");
    // One that is removed may have the name of another.
    word(&heap, last + MARKS).store(text, Ordering::Relaxed);
    heap.attached.hold().unwrap().root(&name(0)).unwrap().set_state(State::Removed);
    heap.check().unwrap();
}

#[test]
fn roots_in_blocks_that_are_none_or_too_short_are_found() {
    let heap = heap();
    let [gone, _stay] = [(); 2].map(|()| ShmBox::new_in([0_u64; 100], &heap).unwrap());
    let free = gone.handle;
    drop(gone);
    expect(
        &heap,
        root(&heap, "one"),
        free.bits(),
        &format!("the block is wrong of the root at {:#x}", free.offset()),
    );
    // Pages that are handed out whole: so many bytes and no more.
    let long = heap.root_or_insert_with("long", || [0_u8; 40_000]).unwrap();
    let bytes = root(&heap, "long") + 16;
    assert_eq!(long[0], 0);
    expect(&heap, bytes, 10 * 4096 + 1, "the length is wrong");
}

#[test]
fn a_root_that_ends_behind_the_heap_is_found() {
    let is_full = |bytes: &usize| Tables::fit(Facts::SLOTS_START + 64, *bytes).bytes() == *bytes;
    let bytes = (1 << 18..).step_by(4096).find(is_full).unwrap();
    let heap = heap_of(bytes);
    let take = |bytes: usize| {
        let held = heap.attached.hold().unwrap();
        let taken = held.take(Layout::from_size_align(bytes, 8).unwrap()).unwrap();
        held.done();
        taken.handle
    };
    take((heap.stats().largest_free_run - 1) * 4096);
    let last = [(); 512].map(|()| take(8))[511];
    assert_eq!(last.offset(), bytes - 8);
    expect(&heap, root(&heap, "one"), last.bits(), "the place is wrong of the root at");
}

#[test]
fn lists_that_loop_or_share_or_lead_elsewhere_are_found() {
    let heap = heap();
    let [one, two] = ["one", "two"].map(|name| root(&heap, name));
    let handle = |place: usize| heap.attached.handle_at(place).unwrap().bits();
    expect(&heap, one, handle(one), "a root that another leads to, too");
    expect(&heap, one, handle(two), "is wrong");
    expect(&heap, one, handle(0), "the block");
    expect(&heap, one, handle(one + 8), "the block");
    expect(&heap, one, handle(one) + 1, "the block");
    expect(&heap, one, handle(900_000), "the block");
    let other = Handle::new(heap.attached.facts.heap ^ 1, one).unwrap().bits();
    expect(&heap, one, other, "a link to another heap");
    let empty = (0..Head::BUCKETS)
        .map(|list| Head::ROOTS_START + list * 8)
        .find(|&list| word(&heap, list).load(Ordering::Relaxed) == 0)
        .unwrap();
    expect(&heap, empty, handle(one), "is wrong");
}

#[test]
fn walks_through_lists_that_loop_end() {
    let heap = heap();
    let one = root(&heap, "one");
    word(&heap, one).store(heap.attached.handle_at(one).unwrap().bits(), Ordering::Relaxed);
    let told = heap.roots().unwrap_err().to_string();
    assert!(told.contains("a root that another leads to, too"), "{told}");
    // A removed root whose list leads to it again and again.
    heap.remove_root::<u64>("one").unwrap();
    heap.reap();
    assert!(heap.check().is_err());
}

#[test]
fn roots_with_names_that_are_not_theirs_are_not_listed() {
    let heap = heap();
    // Of each name there would be a copy.
    let name_bytes = word(&heap, root(&heap, "one") + 24);
    name_bytes.fetch_add((500 << 10) << 32, Ordering::Relaxed);
    let told = heap.roots().unwrap_err().to_string();
    assert!(told.contains("the length"), "{told}");
}

#[test]
fn no_root_lies_in_the_head() {
    let heap = heap();
    let lists = (0..Head::BUCKETS).map(|list| word(&heap, Head::ROOTS_START + list * 8));
    let empty = lists.into_iter().find(|list| list.load(Ordering::Relaxed) == 0).unwrap();
    let place = heap.attached.handle_at(Facts::SLOTS_START).unwrap();
    empty.store(place.bits(), Ordering::Relaxed);
    assert_eq!(heap.attached.hold().unwrap().roots().count(), 3);
    assert!(heap.roots().is_err() && heap.check().is_err());
}
