//! Random operations on `ShmVec` and `ShmString`, held against those of std after each step.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "vouches for the elements of tests")]

mod heaps;

use aquifer::{SharedHeap, ShmBox, ShmString, ShmVec, TryClone};
use heaps::{Element, Line, Named, Nothing, assert_all_is_given_back, heap};
use proptest::collection::vec;
use proptest::prelude::*;

/// What is done to a vector. Places are of 1000 and are scaled to what there is.
#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Pop,
    Insert(usize, u32),
    Remove(usize),
    SwapRemove(usize),
    Truncate(usize),
    Clear,
    Extend(Vec<u32>),
    ExtendFromSlice(Vec<u32>),
    Append(Vec<u32>),
    SplitOff(usize),
    Retain(u32),
    Dedup(u32),
    /// A range, and how many are taken from its two ends before the rest is dropped.
    Drain([usize; 2], [usize; 2]),
    Resize(usize, u32),
    ResizeWith(usize, u32),
    ExtendFromWithin([usize; 2]),
    Reserve(usize),
    ReserveExact(usize),
    ShrinkToFit,
    Clone,
    IntoIter([usize; 2]),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0_u32..1000;
    let numbers = || vec(number(), 0..40);
    let place = || 0_usize..=1000;
    let some = || 0_usize..5;
    let step = prop_oneof![
        6 => number().prop_map(Step::Push),
        2 => Just(Step::Pop),
        4 => (place(), number()).prop_map(|(place, number)| Step::Insert(place, number)),
        3 => place().prop_map(Step::Remove),
        2 => place().prop_map(Step::SwapRemove),
        1 => place().prop_map(Step::Truncate),
        1 => Just(Step::Clear),
        3 => numbers().prop_map(Step::Extend),
        3 => numbers().prop_map(Step::ExtendFromSlice),
        2 => numbers().prop_map(Step::Append),
        1 => place().prop_map(Step::SplitOff),
        2 => (2_u32..5).prop_map(Step::Retain),
        2 => (1_u32..500).prop_map(Step::Dedup),
        4 => ([place(), place()], [some(), some()]).prop_map(|(range, ends)| Step::Drain(range, ends)),
        2 => (0_usize..60, number()).prop_map(|(length, number)| Step::Resize(length, number)),
        1 => (0_usize..60, number()).prop_map(|(length, number)| Step::ResizeWith(length, number)),
        1 => [place(), place()].prop_map(Step::ExtendFromWithin),
        1 => (0_usize..300).prop_map(Step::Reserve),
        1 => (0_usize..300).prop_map(Step::ReserveExact),
        2 => Just(Step::ShrinkToFit),
        1 => Just(Step::Clone),
        1 => [some(), some()].prop_map(Step::IntoIter),
    ];
    vec(step, 1..40)
}

fn numbers<T: Element>(elements: &[T]) -> Vec<u32> {
    elements.iter().map(T::number).collect()
}

/// Takes some from both ends of an iterator.
fn ends<T>(mut iterator: impl DoubleEndedIterator<Item = T>, [front, back]: [usize; 2]) -> Vec<T> {
    let mut taken = Vec::from_iter(iterator.by_ref().take(front));
    taken.extend(iterator.rev().take(back));
    taken
}

fn apply<T: Element>(step: &Step, vec: &mut ShmVec<T>, oracle: &mut Vec<u32>, heap: &SharedHeap) {
    let make = |number: &u32| T::make(*number, heap);
    let round = |numbers: &[u32]| Vec::from_iter(numbers.iter().map(|&number| T::rounded(number)));
    let made = |numbers: &[u32]| ShmVec::from_iter_in(numbers.iter().map(make), heap).unwrap();
    let length = oracle.len();
    let at = |place: usize| place * length / 1000;
    let found = |place: usize| at(place).min(length.wrapping_sub(1));
    match step {
        Step::Push(number) => {
            vec.push(make(number)).unwrap();
            oracle.push(T::rounded(*number));
        }
        Step::Pop => assert_eq!(vec.pop().map(|element| element.number()), oracle.pop()),
        Step::Insert(place, number) => {
            vec.insert(at(*place), make(number)).unwrap();
            oracle.insert(at(*place), T::rounded(*number));
        }
        Step::Remove(place) if length > 0 => {
            assert_eq!(vec.remove(found(*place)).number(), oracle.remove(found(*place)));
        }
        Step::SwapRemove(place) if length > 0 => {
            let number = vec.swap_remove(found(*place)).number();
            assert_eq!(number, oracle.swap_remove(found(*place)));
        }
        Step::Remove(_) | Step::SwapRemove(_) => {}
        Step::Truncate(place) => {
            vec.truncate(at(*place));
            oracle.truncate(at(*place));
        }
        Step::Clear => {
            vec.clear();
            oracle.clear();
        }
        Step::Extend(more) => {
            vec.try_extend(more.iter().map(make)).unwrap();
            oracle.extend(round(more));
        }
        Step::ExtendFromSlice(more) => {
            vec.extend_from_slice(&made(more)).unwrap();
            oracle.extend(round(more));
        }
        Step::Append(more) => {
            let mut other = made(more);
            vec.append(&mut other).unwrap();
            assert!(other.is_empty());
            oracle.extend(round(more));
        }
        Step::SplitOff(place) => {
            let other = vec.split_off(at(*place)).unwrap();
            assert_eq!(numbers(&other), oracle.split_off(at(*place)));
        }
        Step::Retain(divisor) => {
            let mut index = 0;
            vec.retain(|element| {
                assert_eq!(element.number(), oracle[index]);
                index += 1;
                element.number() % divisor > 0
            });
            oracle.retain(|number| number % divisor > 0);
        }
        Step::Dedup(divisor) => {
            vec.dedup_by_key(|element| element.number() / divisor);
            oracle.dedup_by_key(|number| *number / divisor);
        }
        Step::Drain([one, other], taken) => {
            let range = at(*one.min(other))..at(*one.max(other));
            let drained = ends(vec.drain(range.clone()), *taken);
            assert_eq!(numbers(&drained), ends(oracle.drain(range), *taken));
        }
        Step::Resize(length, number) => {
            vec.resize(*length, make(number)).unwrap();
            oracle.resize(*length, T::rounded(*number));
        }
        Step::ResizeWith(length, first) => {
            let (mut numbers, mut others) = (*first.., *first..);
            vec.resize_with(*length, || make(&numbers.next().unwrap())).unwrap();
            oracle.resize_with(*length, || T::rounded(others.next().unwrap()));
        }
        // Each time twice as many would soon be too many.
        Step::ExtendFromWithin(_) if length > 1000 => {}
        Step::ExtendFromWithin([one, other]) => {
            let range = at(*one.min(other))..at(*one.max(other));
            vec.extend_from_within(range.clone()).unwrap();
            oracle.extend_from_within(range);
        }
        Step::Reserve(additional) => {
            vec.reserve(*additional).unwrap();
            assert!(vec.capacity() >= length + additional);
        }
        Step::ReserveExact(additional) => {
            vec.reserve_exact(*additional).unwrap();
            assert!(vec.capacity() >= length + additional);
        }
        Step::ShrinkToFit => {
            vec.shrink_to_fit();
            assert!(length > 0 || vec.capacity() == 0);
        }
        Step::Clone => {
            let copy = vec.try_clone().unwrap();
            assert!(copy == *vec);
            *vec = copy;
        }
        Step::IntoIter(taken) => {
            let all = vec.try_clone().unwrap().into_iter();
            assert_eq!(numbers(&ends(all, *taken)), ends(oracle.iter().copied(), *taken));
        }
    }
}

/// Does the same to a vector in private memory, one in the heap, and one of std.
fn compare<T: Element>() {
    let heap = heap();
    proptest!(ProptestConfig::with_cases(if cfg!(asan) { 30 } else { 120 }), |(steps in steps())| {
        let mut private = ShmVec::<T>::new_in(&heap);
        let mut shared = ShmBox::new_in(ShmVec::<T>::new_in(&heap), &heap).unwrap();
        let mut oracles = [Vec::new(), Vec::new()];
        for step in steps {
            for (vec, oracle) in [&mut private, &mut *shared].into_iter().zip(&mut oracles) {
                apply(&step, vec, oracle, &heap);
                prop_assert_eq!(&numbers(vec), &*oracle, "{:?}", step);
                prop_assert!(vec.capacity() >= vec.len());
                heap.check().unwrap();
            }
        }
        drop((private, shared));
        assert_all_is_given_back(&heap);
    });
}

#[test]
fn bytes_are_as_in_a_vec() {
    compare::<u8>();
}

#[test]
fn words_are_as_in_a_vec() {
    compare::<u64>();
}

#[test]
fn odd_sizes_are_as_in_a_vec() {
    compare::<[u8; 40]>();
}

#[test]
fn elements_with_an_alignment_are_as_in_a_vec() {
    compare::<Line>();
}

#[test]
fn elements_without_bytes_are_as_in_a_vec() {
    compare::<Nothing>();
}

#[test]
fn strings_are_as_in_a_vec() {
    compare::<ShmString>();
}

#[test]
fn boxes_are_as_in_a_vec() {
    compare::<ShmBox<u32>>();
}

#[test]
fn structs_that_own_something_are_as_in_a_vec() {
    compare::<Named>();
}

/// What is done to a string. Places count characters, and are scaled to those that there are.
#[derive(Clone, Debug)]
enum Edit {
    Push(char),
    PushStr(String),
    Pop,
    Insert(usize, char),
    InsertStr(usize, String),
    ReplaceRange([usize; 2], String),
    Remove(usize),
    Truncate(usize),
    Clear,
    Retain(u32),
    /// A range, and how many are taken from its two ends before the rest is dropped.
    Drain([usize; 2], [usize; 2]),
    SplitOff(usize),
    Extend(Vec<char>),
    ExtendFromWords(Vec<String>),
    ShrinkToFit,
    Reserve(usize),
    ReserveExact(usize),
    Bytes,
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let text = || "[a-cäß→🦀]{0,30}";
    let place = || 0_usize..=1000;
    let edit = prop_oneof![
        3 => any::<char>().prop_map(Edit::Push),
        3 => text().prop_map(Edit::PushStr),
        2 => Just(Edit::Pop),
        3 => (place(), any::<char>()).prop_map(|(place, character)| Edit::Insert(place, character)),
        3 => (place(), text()).prop_map(|(place, text)| Edit::InsertStr(place, text)),
        3 => ([place(), place()], text()).prop_map(|(range, text)| Edit::ReplaceRange(range, text)),
        3 => place().prop_map(Edit::Remove),
        1 => place().prop_map(Edit::Truncate),
        1 => Just(Edit::Clear),
        2 => (2_u32..5).prop_map(Edit::Retain),
        3 => ([place(), place()], [0_usize..5, 0_usize..5])
            .prop_map(|(range, ends)| Edit::Drain(range, ends)),
        1 => place().prop_map(Edit::SplitOff),
        1 => vec(any::<char>(), 0..20).prop_map(Edit::Extend),
        1 => vec(text(), 0..5).prop_map(Edit::ExtendFromWords),
        1 => (0_usize..300).prop_map(Edit::ReserveExact),
        1 => Just(Edit::ShrinkToFit),
        1 => (0_usize..300).prop_map(Edit::Reserve),
        1 => Just(Edit::Bytes),
    ];
    vec(edit, 1..40)
}

fn edit(edit: &Edit, text: &mut ShmString, oracle: &mut String) {
    let starts =
        Vec::from_iter(oracle.char_indices().map(|(index, _)| index).chain([oracle.len()]));
    let at = |place: usize| starts[place * (starts.len() - 1) / 1000];
    match edit {
        Edit::Push(character) => {
            text.push(*character).unwrap();
            oracle.push(*character);
        }
        Edit::PushStr(more) => {
            text.push_str(more).unwrap();
            oracle.push_str(more);
        }
        Edit::Pop => assert_eq!(text.pop(), oracle.pop()),
        Edit::Insert(place, character) => {
            text.insert(at(*place), *character).unwrap();
            oracle.insert(at(*place), *character);
        }
        Edit::InsertStr(place, more) => {
            text.insert_str(at(*place), more).unwrap();
            oracle.insert_str(at(*place), more);
        }
        Edit::ReplaceRange([one, other], more) => {
            let range = at(*one.min(other))..at(*one.max(other));
            text.replace_range(range.clone(), more).unwrap();
            oracle.replace_range(range, more);
        }
        Edit::Remove(place) => {
            if at(*place) < oracle.len() {
                assert_eq!(text.remove(at(*place)), oracle.remove(at(*place)));
            }
        }
        Edit::Truncate(place) => {
            text.truncate(at(*place));
            oracle.truncate(at(*place));
        }
        Edit::Clear => {
            text.clear();
            oracle.clear();
        }
        Edit::Retain(divisor) => {
            text.retain(|character| u32::from(character) % divisor > 0);
            oracle.retain(|character| u32::from(character) % divisor > 0);
        }
        Edit::Drain([one, other], taken) => {
            let range = at(*one.min(other))..at(*one.max(other));
            let drained = ends(text.drain(range.clone()), *taken);
            assert_eq!(drained, ends(oracle.drain(range), *taken));
        }
        Edit::SplitOff(place) => {
            let end = text.split_off(at(*place)).unwrap();
            assert_eq!(end, oracle.split_off(at(*place)));
        }
        Edit::Extend(more) => {
            text.try_extend(more).unwrap();
            oracle.extend(more);
        }
        Edit::ExtendFromWords(more) => {
            text.try_extend(more).unwrap();
            oracle.extend(more.iter().map(String::as_str));
        }
        Edit::ShrinkToFit => text.shrink_to_fit(),
        Edit::ReserveExact(additional) => {
            text.reserve_exact(*additional).unwrap();
            assert!(text.capacity() >= oracle.len() + additional);
        }
        Edit::Reserve(additional) => text.reserve(*additional).unwrap(),
        Edit::Bytes => {
            let bytes = text.try_clone().unwrap().into_bytes();
            assert_eq!(bytes, oracle.as_bytes());
            *text = ShmString::from_utf8(bytes).unwrap();
        }
    }
}

#[test]
fn text_is_as_in_a_string() {
    let heap = heap();
    proptest!(ProptestConfig::with_cases(if cfg!(asan) { 50 } else { 300 }), |(edits in edits())| {
        let mut text = ShmBox::new_in(ShmString::new_in(&heap), &heap).unwrap();
        let mut oracle = String::new();
        for step in edits {
            edit(&step, &mut text, &mut oracle);
            std::str::from_utf8(text.as_bytes()).unwrap();
            prop_assert_eq!(&**text, &*oracle, "{:?}", step);
            heap.check().unwrap();
        }
        drop(text);
        assert_all_is_given_back(&heap);
    });
}
