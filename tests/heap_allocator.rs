//! What collections may count on that live in a `SharedHeap`, as long as their process does.
#![cfg(target_os = "linux")]
#![cfg(feature = "allocator-api2")]
#![expect(unsafe_code, reason = "calls the allocator's methods, as a collection does")]

mod heaps;

use std::alloc::Layout;
use std::ptr::{self, NonNull};

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use aquifer::SharedHeap;
use hashbrown::{DefaultHashBuilder, HashMap};
use heaps::{Counted, assert_all_is_given_back, heap, small_heap};

const PAGE: usize = 4096;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn used_blocks(heap: &SharedHeap) -> usize {
    heap.check().unwrap();
    heap.stats().used_blocks
}

/// Overwrites memory that a test has been handed out.
fn soil(memory: NonNull<[u8]>) -> NonNull<u8> {
    // SAFETY: each test passes what it was handed out and has not given back.
    unsafe { memory.cast::<u8>().write_bytes(0xff, memory.len()) };
    memory.cast()
}

/// Copies memory out that a test has been handed out and that is written.
fn bytes(memory: NonNull<[u8]>) -> std::vec::Vec<u8> {
    // SAFETY: each test passes what it was handed out and has not given back.
    unsafe { memory.as_ref() }.to_vec()
}

fn give_back(heap: &SharedHeap, memory: NonNull<[u8]>, align: usize) {
    // SAFETY: each test passes what it was handed out for this layout, and uses it no more.
    unsafe { Allocator::deallocate(&heap, memory.cast(), layout(memory.len(), align)) };
}

#[test]
fn a_vector_keeps_its_elements_while_it_grows_and_shrinks() {
    let heap = heap();
    let mut numbers = Vec::new_in(&heap);
    let mut in_the_way = std::vec::Vec::new();
    for number in 0..20_000_u64 {
        if numbers.len() == numbers.capacity() {
            in_the_way.push(Box::new_in(number, &heap));
        }
        numbers.push(number);
    }
    assert_eq!(used_blocks(&heap), 1 + in_the_way.len(), "old buffers are given back");
    assert!(in_the_way.len() > 10 && numbers.iter().copied().eq(0..20_000));
    let before = heap.stats().used_bytes;
    numbers.truncate(100);
    numbers.shrink_to_fit();
    assert!(numbers.capacity() == 100 && numbers.iter().copied().eq(0..100));
    assert!(heap.stats().used_bytes <= before - 19_000 * 8);
    numbers.clear();
    numbers.shrink_to_fit();
    assert_eq!(used_blocks(&heap), in_the_way.len());
    assert!(in_the_way.windows(2).all(|pair| pair[0] < pair[1]));
    drop((numbers, in_the_way));
    assert_all_is_given_back(&heap);
}

#[test]
fn boxed_values_are_dropped_and_their_blocks_given_back() {
    let heap = heap();
    let boxed = Box::new_in(Counted::new(1), &heap);
    let mut more = Vec::with_capacity_in(4, &heap);
    more.extend([2, 3].map(|number| Box::new_in(Counted::new(number), &heap)));
    assert_eq!((Counted::alive(), used_blocks(&heap)), (vec![1, 2, 3], 4));
    let taken = Box::into_inner(boxed);
    assert_eq!((Counted::alive(), used_blocks(&heap)), (vec![1, 2, 3], 3));
    drop((taken, more));
    assert_eq!(Counted::alive(), []);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_map_finds_what_was_put_into_it() {
    let heap = heap();
    let mut map: HashMap<_, _, DefaultHashBuilder, _> = HashMap::new_in(&heap);
    for number in 0..5000_u32 {
        let mut digits = Vec::new_in(&heap);
        digits.extend(number.to_string().bytes());
        map.insert(number, digits);
    }
    assert_eq!(used_blocks(&heap), 1 + 5000);
    map.retain(|number, _| number % 5 == 0);
    assert_eq!(used_blocks(&heap), 1 + 1000);
    map.shrink_to_fit();
    for number in 0..5000 {
        let digits = (number % 5 == 0).then(|| number.to_string().into_bytes());
        assert_eq!(map.get(&number).map(|found| found.to_vec()), digits);
    }
    drop(map);
    assert_all_is_given_back(&heap);
}

#[test]
fn memory_is_aligned_up_to_a_page() {
    let heap = &heap();
    for align in (0..=12).map(|shift| 1 << shift) {
        // Several of each: the first of a page lies at its start.
        let sizes = [1, 24, 100, 1000, PAGE, PAGE + 1, 3 * PAGE].map(|size| [size; 3]);
        let take = |&size: &usize| heap.allocate(layout(size, align)).unwrap();
        let blocks: std::vec::Vec<_> = sizes.as_flattened().iter().map(take).collect();
        for (block, &size) in blocks.iter().zip(sizes.as_flattened()) {
            assert_eq!((block.len(), block.cast::<u8>().addr().get() % align), (size, 0));
            soil(*block);
        }
        assert_eq!(used_blocks(heap), blocks.len());
        blocks.into_iter().for_each(|block| give_back(heap, block, align));
    }
    assert!(heap.allocate(layout(8, 2 * PAGE)).is_err());
    assert_all_is_given_back(heap);
}

#[test]
fn values_without_bytes_take_no_memory() {
    let heap = &heap();
    let mut nothings = Vec::new_in(heap);
    nothings.extend([(); 1000]);
    let boxed = Box::new_in([0_u64; 0], heap);
    let place = heap.allocate(layout(0, PAGE)).unwrap();
    assert_eq!((nothings.len(), boxed.len(), place.len()), (1000, 0, 0));
    assert_eq!(place.cast::<u8>().addr().get() % PAGE, 0);
    assert_eq!(used_blocks(heap), 0);
    let none = layout(0, PAGE);
    // SAFETY: handed out for the layout, and used no more.
    let grown = unsafe { heap.grow_zeroed(place.cast(), none, layout(64, PAGE)) }.unwrap();
    assert_eq!((bytes(grown), used_blocks(heap)), (vec![0; 64], 1));
    // SAFETY: as above.
    let shrunk = unsafe { heap.shrink(grown.cast(), layout(64, PAGE), none) }.unwrap();
    assert_eq!((shrunk.len(), used_blocks(heap)), (0, 0));
    give_back(heap, shrunk, PAGE);
    assert_all_is_given_back(heap);
}

#[test]
fn memory_that_is_to_be_zeroed_is_zero() {
    let heap = &heap();
    for (size, larger) in [(1, 2), (64, 100), (100, 100), (1000, PAGE), (PAGE, 5 * PAGE)] {
        // Where it will lie, somebody else has written.
        for size in [size, larger] {
            let dirty = [(); 2].map(|()| heap.allocate(layout(size, 8)).unwrap());
            dirty.iter().for_each(|&block| _ = soil(block));
            dirty.into_iter().for_each(|block| give_back(heap, block, 8));
        }
        let memory = heap.allocate_zeroed(layout(size, 8)).unwrap();
        assert_eq!(bytes(memory), vec![0; size]);
        let (memory, old, new) = (soil(memory), layout(size, 8), layout(larger, 8));
        // SAFETY: handed out for the old layout, and used no more.
        let grown = unsafe { heap.grow_zeroed(memory, old, new) }.unwrap();
        let (kept, added) = (vec![0xff; size], vec![0; larger - size]);
        assert_eq!(bytes(grown), [kept, added].concat());
        give_back(heap, grown, 8);
    }
    assert_all_is_given_back(heap);
}

#[test]
fn a_full_heap_refuses_to_grow_what_then_is_as_it_was() {
    let heap = small_heap();
    let mut numbers = Vec::new_in(&heap);
    while numbers.try_reserve(1).is_ok() {
        numbers.push(numbers.len() as u64);
    }
    assert_eq!((numbers.len(), used_blocks(&heap)), (numbers.capacity(), 1));
    assert!(numbers.try_reserve_exact(10_000).is_err() && numbers.try_reserve(usize::MAX).is_err());
    let mut boxes = std::vec::Vec::new();
    while let Ok(boxed) = Box::try_new_in(boxes.len(), &heap) {
        boxes.push(boxed);
    }
    let mut map: HashMap<u64, u64, DefaultHashBuilder, _> = HashMap::new_in(&heap);
    assert!(map.try_reserve(1).is_err() && map.is_empty());
    assert_eq!(used_blocks(&heap), 1 + boxes.len());
    let (place, length) = (numbers.as_ptr(), numbers.len() as u64);
    assert!(numbers.try_reserve(1).is_err() && ptr::eq(numbers.as_ptr(), place));
    assert!(length > 1000 && numbers.iter().copied().eq(0..length));
    assert!(boxes.iter().enumerate().all(|(index, boxed)| **boxed == index));
    // What is given back is had again.
    boxes.clear();
    map.try_reserve(1).unwrap();
    map.insert(1, 7);
    assert_eq!(map.get(&1), Some(&7));
    drop((numbers, boxes, map));
    assert_all_is_given_back(&heap);
}

#[test]
fn a_buffer_that_can_stays_where_it_is() {
    let heap = heap();
    let mut bytes: Vec<u8, &SharedHeap> = Vec::with_capacity_in(20 * PAGE, &heap);
    bytes.extend((0..100).map(|number| number as u8));
    let place = bytes.as_ptr();
    bytes.try_reserve_exact(30 * PAGE).unwrap();
    assert!(bytes.as_ptr() == place && bytes.capacity() >= 30 * PAGE, "there is room behind it");
    // Nothing is left to move anything to.
    let mut rest = std::vec::Vec::new();
    for size in [PAGE, 64, 8] {
        while let Ok(memory) = Allocator::allocate(&&heap, layout(size, 8)) {
            rest.push(memory);
        }
    }
    bytes.shrink_to(25 * PAGE);
    assert!(bytes.as_ptr() == place && bytes.capacity() == 25 * PAGE);
    assert!(bytes.iter().copied().eq(0..100));
    rest.into_iter().for_each(|memory| give_back(&heap, memory, 8));
    drop(bytes);
    assert_all_is_given_back(&heap);
}

#[test]
fn what_is_to_be_smaller_in_a_full_heap_stays_as_it_is() {
    let heap = small_heap();
    let mut numbers: Vec<u64, &SharedHeap> = Vec::with_capacity_in(100, &heap);
    numbers.extend([1, 2]);
    let place = numbers.as_ptr();
    let mut rest = std::vec::Vec::new();
    for size in [PAGE, 1024, 512, 64, 32, 16, 8] {
        while let Ok(memory) = Allocator::allocate(&&heap, layout(size, 8)) {
            rest.push(memory);
        }
    }
    numbers.shrink_to_fit();
    assert!(numbers.as_ptr() == place && numbers == [1, 2]);
    rest.into_iter().for_each(|memory| give_back(&heap, memory, 8));
    drop(numbers);
    assert_all_is_given_back(&heap);
}
