//! What a `ShmBox` promises.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "vouches for the values of tests, and forks processes")]

mod bounded;
mod heaps;

use std::borrow::{Borrow, BorrowMut};
use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{BuildHasher, Hash, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use aquifer::{AllocError, Schema, SharedHeap, ShmBox, ShmSafe, ShmString, ShmVec, TryClone};
use bounded::{Child, in_time};
use heaps::{
    Counted, Element, Line, Named, Nothing, assert_all_is_given_back, heap, in_use, small_heap,
};

/// A value that owns others of its kind.
#[derive(ShmSafe)]
#[repr(C)]
struct Node {
    value: u64,
    next: Option<ShmBox<Node>>,
    children: ShmVec<Node>,
}

impl TryClone for Node {
    fn try_clone(&self) -> Result<Self, AllocError> {
        let next = self.next.as_ref().map(TryClone::try_clone).transpose()?;
        Ok(Self { value: self.value, next, children: self.children.try_clone()? })
    }
}

/// A list of numbers, the first one first.
fn list(numbers: impl DoubleEndedIterator<Item = u64>, heap: &SharedHeap) -> Option<ShmBox<Node>> {
    numbers.rev().fold(None, |next, value| {
        let node = Node { value, next, children: ShmVec::new_in(heap) };
        Some(ShmBox::new_in(node, heap).unwrap())
    })
}

fn numbers(list: &Option<ShmBox<Node>>) -> Vec<u64> {
    let nodes = std::iter::successors(list.as_ref(), |node| node.next.as_ref());
    nodes.map(|node| node.value).collect()
}

#[test]
fn a_value_owns_others_of_its_kind() {
    let heap = heap();
    let mut list = list(0..100, &heap);
    let copy = list.try_clone_list();
    let first = list.as_mut().unwrap();
    first.children.push(Node { value: 7, next: None, children: ShmVec::new_in(&heap) }).unwrap();
    first.next = first.next.take().and_then(|second| second.into_inner().next);
    assert_eq!((numbers(&list).len(), numbers(&copy)), (99, Vec::from_iter(0..100)));
    assert_eq!(size_of::<Option<ShmBox<Node>>>(), 8);
    drop((list, copy));
    assert_all_is_given_back(&heap);
}

trait TryCloneList {
    fn try_clone_list(&self) -> Self;
}

impl TryCloneList for Option<ShmBox<Node>> {
    fn try_clone_list(&self) -> Self {
        self.as_ref().map(TryClone::try_clone).transpose().unwrap()
    }
}

#[test]
fn schemas_tell_what_owns_what() {
    let prints = [
        Schema::fingerprint::<Node>(),
        Schema::fingerprint::<ShmBox<Node>>(),
        Schema::fingerprint::<Option<ShmBox<Node>>>(),
        Schema::fingerprint::<ShmVec<Node>>(),
        Schema::fingerprint::<ShmVec<u8>>(),
        Schema::fingerprint::<ShmString>(),
        Schema::fingerprint::<Option<ShmString>>(),
    ];
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[..index].contains(print), "{index}");
    }
    assert_eq!(<ShmBox<Node>>::SCHEMA.to_string(), "ShmBox<Node>, version 1, 8 bytes");
    assert_eq!(<ShmVec<ShmString>>::SCHEMA.name().to_string(), "ShmVec<ShmString>");
}

#[test]
fn a_value_that_finds_no_room_is_given_back() {
    let heap = small_heap();
    let refused = ShmBox::new_in([7_u64; 10_000], &heap).unwrap_err();
    assert!(refused.into_value() == [7; 10_000]);
    let mut boxes = Vec::new();
    let refused = loop {
        match ShmBox::new_in(Counted::new(boxes.len() as u32), &heap) {
            Ok(boxed) => boxes.push(boxed),
            Err(refused) => break refused.into_value(),
        }
    };
    assert_eq!(refused.number(), boxes.len() as u32);
    assert!(boxes[0].try_clone().is_err());
    assert_eq!(Counted::alive().len(), boxes.len() + 1);
    drop((boxes, refused));
    assert_eq!(Counted::alive(), []);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_value_is_dropped_once() {
    let heap = heap();
    let boxed = ShmBox::new_in(Counted::new(1), &heap).unwrap();
    let taken = ShmBox::new_in(Counted::new(2), &heap).unwrap().into_inner();
    let copy = boxed.try_clone().unwrap();
    assert_eq!((Counted::alive(), in_use(&heap)), (vec![1, 1, 2], (2, 0)));
    drop((boxed, taken, copy));
    assert_eq!(Counted::alive(), []);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_drop_that_panics_leaves_no_block() {
    let heap = heap();
    let boxed = ShmBox::new_in(Counted::new(1), &heap).unwrap();
    Counted::panic_at(1);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(boxed))).is_err());
    assert_all_is_given_back(&heap);
}

#[test]
fn values_of_all_kinds_are_as_they_were() {
    fn keeps<T: Element>(heap: &SharedHeap) {
        for number in 0..50 {
            let boxed = ShmBox::new_in(T::make(number, heap), heap).unwrap();
            let copy = boxed.try_clone().unwrap();
            assert_eq!([boxed.number(), copy.into_inner().number()], [T::rounded(number); 2]);
        }
    }
    let heap = heap();
    keeps::<u8>(&heap);
    keeps::<u64>(&heap);
    keeps::<[u8; 40]>(&heap);
    keeps::<Line>(&heap);
    keeps::<Nothing>(&heap);
    keeps::<Named>(&heap);
    keeps::<ShmString>(&heap);
    keeps::<ShmBox<u32>>(&heap);
    assert_all_is_given_back(&heap);
}

#[test]
fn it_is_shown_compared_and_hashed_as_its_value() {
    fn is_ordered_as<T: ShmSafe + Ord + Hash + Debug + Copy>(values: &[T], heap: &SharedHeap) {
        let state = RandomState::new();
        let boxed = |&value: &T| ShmBox::new_in(value, heap).unwrap();
        for (one, other) in values.iter().flat_map(|one| values.iter().map(move |two| (one, two))) {
            let (first, second) = (boxed(one), boxed(other));
            assert_eq!(first.cmp(&second), one.cmp(other), "{one:?} {other:?}");
            assert_eq!(first.partial_cmp(&second), Some(one.cmp(other)), "{one:?} {other:?}");
            assert_eq!((first == second, first != second), (one == other, one != other));
            assert_eq!(state.hash_one(&first), state.hash_one(one), "{one:?}");
            assert_eq!(format!("{first:?} {first:#06?}"), format!("{one:?} {one:#06?}"));
        }
    }
    let heap = heap();
    is_ordered_as(&[3_u32, 7, 7, 1 << 31], &heap);
    is_ordered_as(&[[2_i16, 1], [-2, 1], [-2, 3]], &heap);
    let [number, none] = [-0.5, f64::NAN].map(|value| ShmBox::new_in(value, &heap).unwrap());
    assert_eq!(number.partial_cmp(&none), None);
    assert!(none != none.try_clone().unwrap() && number == number.try_clone().unwrap());
    assert_eq!(format!("{number}|{number:>6}|{number:+.2}"), "-0.5|  -0.5|-0.50");
    drop((number, none));
    assert_all_is_given_back(&heap);
}

#[test]
fn it_lends_its_value() {
    let heap = heap();
    let mut boxed = ShmBox::new_in([1_u8, 2], &heap).unwrap();
    let place = &raw const *boxed;
    AsMut::<[u8; 2]>::as_mut(&mut boxed)[0] = 7;
    BorrowMut::<[u8; 2]>::borrow_mut(&mut boxed)[1] = 8;
    for lent in [AsRef::<[u8; 2]>::as_ref(&boxed), Borrow::borrow(&boxed)] {
        assert!(ptr::eq(lent, place) && *lent == [7, 8]);
    }
    let set = HashSet::from([boxed]);
    assert!(set.contains(&[7, 8]) && !set.contains(&[1, 2]));
}

#[test]
fn a_forked_child_sees_and_changes_the_value() {
    in_time(|| {
        let heap = heap();
        let mut boxed = ShmBox::new_in(Named::make(5, &heap), &heap).unwrap();
        let child = Child::start(|| {
            assert_eq!(boxed.number(), 5);
            *boxed = Named::make(7, &heap);
        });
        assert_eq!(child.end(), 0);
        assert_eq!(boxed.number(), 7);
        drop(boxed);
        assert_all_is_given_back(&heap);
    });
}

/// Has no bytes, and counts how often it is dropped.
#[derive(ShmSafe)]
#[repr(C)]
struct Token;

static TOKENS_DROPPED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Token {
    fn drop(&mut self) {
        TOKENS_DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_value_without_bytes_is_dropped_once() {
    let heap = heap();
    let dropped = || TOKENS_DROPPED.load(Ordering::Relaxed);
    let boxed = ShmBox::new_in(Token, &heap).unwrap();
    let mut place = None;
    ShmBox::insert_in(&mut place, Token, &heap).unwrap();
    assert_eq!(dropped(), 0);
    drop(boxed);
    assert_eq!(dropped(), 1);
    let token = place.take().unwrap().into_inner();
    assert_eq!(dropped(), 1);
    drop(token);
    assert_eq!(dropped(), 2);
    ShmBox::insert_in(&mut place, Token, &heap).unwrap();
    ShmBox::remove_from(&mut place);
    assert_eq!((dropped(), place.is_none()), (3, true));
    assert_all_is_given_back(&heap);
}

#[test]
fn values_of_a_heap_that_is_not_attached_are_not_there() {
    let (heap, other) = (heap(), heap());
    let mut place = Some(ShmBox::new_in(7_u64, &other).unwrap());
    let mut owning = Some(ShmBox::new_in(ShmVec::<u64>::new_in(&heap), &other).unwrap());
    let numbers = ShmVec::from_slice_in(&[1_u64, 2, 3], &other).unwrap();
    let texts = ShmVec::from_iter_in([ShmString::new_in(&heap)], &other).unwrap();
    // SAFETY: what is left of it here is not used by this test, but to find that it is not there.
    unsafe { other.detach() };
    ShmBox::remove_from(&mut place);
    ShmBox::remove_from(&mut owning);
    assert!(place.is_none() && owning.is_none());
    assert!(catch_unwind(AssertUnwindSafe(|| numbers.into_iter().count())).is_err());
    drop(texts);
    assert_all_is_given_back(&heap);
}

#[test]
fn the_derive_tells_what_a_type_owns_of_its_own_kind() {
    assert_eq!(
        format!("{:?}", Node::SCHEMA.parts()),
        "[value: u64 at 0, next: Option<ShmBox<Node>> at 8, children: ShmVec<Node> at 16]"
    );
}
