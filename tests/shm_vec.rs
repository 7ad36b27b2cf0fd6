//! What a `ShmVec` promises.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "vouches for the elements of tests, and forks processes")]

mod bounded;
mod heaps;

use std::borrow::{Borrow, BorrowMut};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{mem, ptr};

use aquifer::{AllocError, SharedHeap, ShmBox, ShmString, ShmVec, TryClone};
use bounded::{Child, in_time};
use heaps::{Counted, Element, Named, assert_all_is_given_back, heap, in_use, small_heap};

fn counted(count: u32, heap: &SharedHeap) -> ShmVec<Counted> {
    ShmVec::from_iter_in((0..count).map(Counted::new), heap).unwrap()
}

fn numbers(elements: &[Counted]) -> Vec<u32> {
    elements.iter().map(Counted::number).collect()
}

/// Runs what panics.
fn panics(body: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(body)).is_err(), "it did not panic");
}

#[test]
fn a_vector_is_one_word_and_so_is_an_option_of_it() {
    assert_eq!([size_of::<ShmVec<[u64; 9]>>(), size_of::<Option<ShmVec<[u64; 9]>>>()], [8, 8]);
    assert_eq!([size_of::<ShmString>(), size_of::<Option<ShmString>>()], [8, 8]);
}

#[test]
fn a_new_vector_takes_no_memory() {
    let heap = heap();
    let mut vec = ShmVec::<u64>::new_in(&heap);
    assert_eq!((vec.len(), vec.capacity(), vec.pop(), in_use(&heap)), (0, 0, None, (0, 0)));
    vec.clear();
    vec.truncate(0);
    vec.retain(|_| false);
    vec.dedup();
    assert_eq!(vec.drain(..).count() + vec.into_iter().count(), 0);
    assert_eq!(ShmVec::<u64>::with_capacity_in(0, &heap).unwrap().capacity(), 0);
    assert_all_is_given_back(&heap);
}

#[test]
fn it_moves_between_private_memory_and_the_heap() {
    let heap = heap();
    let vec = ShmVec::from_slice_in(&[1_u64, 2, 3], &heap).unwrap();
    let mut shared = ShmBox::new_in(vec, &heap).unwrap();
    shared.push(4).unwrap();
    let mut again = ShmBox::new_in(shared, &heap).unwrap().into_inner().into_inner();
    again.push(5).unwrap();
    assert_eq!(again, [1, 2, 3, 4, 5]);
    drop(again);
    assert_all_is_given_back(&heap);
}

#[test]
fn it_nests() {
    let heap = heap();
    let mut lines = ShmVec::<ShmVec<ShmString>>::new_in(&heap);
    for line in ["the quick brown fox", "jumps over", "", "the lazy dog"] {
        let words = line.split_whitespace();
        let words = words.map(|word| ShmString::from_str_in(word, &heap).unwrap());
        lines.push(ShmVec::from_iter_in(words, &heap).unwrap()).unwrap();
    }
    let copy = lines.try_clone().unwrap();
    lines[0][1].push_str("est").unwrap();
    assert_eq!(lines.remove(0)[1], "quickest");
    assert_eq!((copy[0][1].as_str(), copy[3].len(), lines.len()), ("quick", 3, 3));
    drop(lines);
    assert_eq!(copy.iter().flatten().map(|word| word.len()).sum::<usize>(), 35);
    drop(copy);
    assert_all_is_given_back(&heap);
}

#[test]
fn values_of_one_heap_lie_in_another() {
    let (one, other) = (heap(), heap());
    let mut vec = ShmVec::new_in(&one);
    for number in 0..100 {
        vec.push(Named::make(number, &other)).unwrap();
    }
    let names = ShmVec::from_iter_in(vec.drain(50..), &other).unwrap();
    assert!(in_use(&one).0 == 1 && in_use(&other).0 > 150);
    let mut copy = vec.try_clone().unwrap();
    copy.append(&mut ShmVec::from_iter_in(names, &one).unwrap()).unwrap();
    assert!((0..100).eq(copy.iter().map(Named::number)));
    assert_eq!(copy.split_off(98).unwrap().len(), 2);
    drop((vec, copy));
    assert_all_is_given_back(&one);
    assert_all_is_given_back(&other);
}

#[test]
fn a_clone_lies_in_the_heap_of_its_original() {
    fn check<T: TryClone>(make: impl Fn(&SharedHeap) -> T) {
        // In neither the oldest nor the newest.
        let (oldest, heap, newest) = (heap(), heap(), heap());
        let original = make(&heap);
        let (blocks, runs) = in_use(&heap);
        let copy = original.try_clone().unwrap();
        assert_eq!(in_use(&heap), (2 * blocks, 2 * runs));
        assert!(blocks > 0 && in_use(&oldest) == (0, 0) && in_use(&newest) == (0, 0));
        drop((original, copy));
        assert_all_is_given_back(&heap);
    }
    check(|heap| ShmBox::new_in(7_u64, heap).unwrap());
    check(|heap| ShmVec::from_slice_in(&[1_u64, 2, 3], heap).unwrap());
    check(|heap| ShmString::from_str_in("a few words", heap).unwrap());
    check(|heap| {
        ShmVec::from_iter_in((0..9).map(|number| Named::make(number, heap)), heap).unwrap()
    });
    let (heap, newest) = (heap(), heap());
    // One that has no block yet knows where it is to be.
    let mut copy = ShmVec::new_in(&heap).try_clone().unwrap();
    copy.push(7_u64).unwrap();
    assert_eq!((in_use(&heap), in_use(&newest)), ((1, 0), (0, 0)));
}

#[test]
fn what_finds_no_room_is_given_back() {
    let heap = small_heap();
    let mut vec = ShmVec::new_in(&heap);
    let mut numbers = 0_u64..;
    let refused = vec.try_extend(numbers.by_ref()).unwrap_err().into_value();
    let length = vec.len();
    assert!(length > 1000 && refused == length as u64 && numbers.next() == Some(refused + 1));
    assert_eq!(vec.push(7).unwrap_err().into_value(), 7);
    assert_eq!(vec.insert(3, 8).unwrap_err().into_value(), 8);
    assert_eq!(vec.resize(2 * length, 9).unwrap_err().into_value(), 9);
    assert_eq!(vec.resize(usize::MAX, 9).unwrap_err().into_value(), 9);
    assert_eq!(vec.reserve(usize::MAX), Err(AllocError));
    assert_eq!(vec.reserve_exact(usize::MAX), Err(AllocError));
    assert_eq!(vec.extend_from_slice(&[1; 2000]), Err(AllocError));
    assert_eq!(vec.extend_from_within(1..), Err(AllocError));
    assert_eq!(vec.resize_with(usize::MAX, || unreachable!()), Err(AllocError));
    assert!(vec.try_clone().is_err() && ShmVec::from_slice_in(&vec, &heap).is_err());
    assert!(vec.split_off(10).is_err());
    assert!((0..length as u64).eq(vec.iter().copied()));
    vec.truncate(length - 1);
    vec.insert(0, 5).unwrap();
    vec.truncate(1000);
    vec.shrink_to_fit();
    assert_eq!(vec.split_off(10).unwrap().len(), 990);
    drop(vec);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_vector_that_finds_no_room_stays_with_its_elements() {
    let heap = small_heap();
    let mut one = ShmVec::from_iter_in(0..1000_u64, &heap).unwrap();
    one.shrink_to_fit();
    let mut other = ShmVec::from_iter_in(0..3000_u64, &heap).unwrap();
    assert_eq!(one.append(&mut other), Err(AllocError));
    assert_eq!((one.len(), other.len()), (1000, 3000));
    drop((one, other));
    assert_all_is_given_back(&heap);
}

#[test]
fn a_copy_that_is_cut_short_leaves_nothing() {
    let heap = small_heap();
    let long = "so long that a few hundred of them fill the heap".repeat(4);
    let mut vec = ShmVec::new_in(&heap);
    while in_use(&heap).0 < 150 {
        vec.push(ShmString::from_str_in(&long, &heap).unwrap()).unwrap();
    }
    let before = in_use(&heap);
    assert!(vec.try_clone().is_err());
    let mut other = ShmVec::new_in(&heap);
    assert!(other.extend_from_slice(&vec).is_err());
    let length = vec.len();
    assert!(vec.extend_from_within(..).is_err() && vec.len() == length);
    assert!(other.resize(1000, ShmString::new_in(&heap)).is_ok());
    let long = ShmString::from_str_in(&long, &heap).unwrap();
    assert_eq!(other.resize(2000, long).unwrap_err().into_value(), *vec[0]);
    assert_eq!(other.len(), 1000);
    drop(other);
    assert_eq!(in_use(&heap), before);
    drop(vec);
    assert_all_is_given_back(&heap);
}

#[test]
fn room_that_no_elements_are_in_is_given_back() {
    let heap = heap();
    let mut vec = ShmVec::from_iter_in(0..100_000_u32, &heap).unwrap();
    let pages = in_use(&heap).1;
    vec.truncate(50_000);
    vec.shrink_to_fit();
    assert!(in_use(&heap).1 <= pages / 2 && vec.capacity() < 52_000);
    vec.truncate(10);
    vec.shrink_to_fit();
    assert_eq!((in_use(&heap), vec.iter().sum()), ((1, 0), 45_u32));
    vec.clear();
    vec.shrink_to_fit();
    assert_eq!((in_use(&heap), vec.capacity()), ((0, 0), 0));
    vec.push(1).unwrap();
    assert_eq!(vec, [1]);
}

#[test]
fn elements_are_dropped_once_wherever_they_go() {
    let heap = heap();
    let mut vec = counted(20, &heap);
    drop(vec.pop());
    drop(vec.remove(0));
    drop(vec.swap_remove(5));
    vec.truncate(15);
    assert_eq!(Counted::alive(), [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18]);
    vec.retain(|element| element.number() % 2 == 0);
    vec.insert(1, Counted::new(99)).unwrap();
    vec.extend_from_slice(&[Counted::new(50)]).unwrap();
    vec.resize(10, Counted::new(60)).unwrap();
    assert_eq!(vec.len(), 10);
    drop(vec.split_off(9).unwrap());
    assert_eq!(numbers(&vec), [2, 99, 4, 18, 8, 10, 12, 14, 50]);
    vec.drain(2..6).nth(1);
    let mut rest = vec.into_iter();
    assert_eq!(rest.next_back().map(|element| element.number()), Some(50));
    assert_eq!(numbers(rest.as_slice()), [2, 99, 12, 14]);
    assert_eq!(Counted::alive(), [2, 12, 14, 99]);
    drop(rest);
    assert_eq!(Counted::alive(), []);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_closure_that_panics_loses_nothing() {
    let heap = heap();
    for at in 0..10 {
        let mut vec = counted(10, &heap);
        panics(|| {
            vec.retain(|element| element.number() % 3 > 0 && element.number() != at || panic!())
        });
        panics(|| {
            vec.dedup_by(|one, other| {
                assert!(one.number() != at && other.number() != at);
                one.number() % 2 == 0
            });
        });
        let mut left = numbers(&vec);
        left.sort_unstable();
        assert_eq!(left, Vec::from_iter(0..10));
        panics(|| {
            let more = (10..20).map(|number| {
                assert!(number != 10 + at);
                Counted::new(number)
            });
            let _ = vec.try_extend(more);
        });
        assert_eq!(vec.len() as u32, 10 + at);
        drop(vec);
        assert_eq!(Counted::alive(), []);
    }
    assert_all_is_given_back(&heap);
}

#[test]
fn a_clone_that_panics_adds_nothing() {
    let heap = heap();
    for at in 0..5 {
        let source = counted(5, &heap);
        let mut vec = ShmVec::new_in(&heap);
        vec.push(Counted::new(90)).unwrap();
        Counted::panic_at(at);
        panics(|| vec.extend_from_slice(&source).unwrap());
        assert_eq!(numbers(&vec), [90]);
        Counted::panic_at(at);
        panics(|| drop(source.try_clone()));
        Counted::panic_at(91);
        panics(|| drop(vec.resize(7, Counted::new(91))));
        panics(|| _ = vec.resize_with(7, || panic!()));
        Counted::panic_at(90);
        panics(|| _ = vec.extend_from_within(..));
        assert_eq!(numbers(&vec), [90]);
        drop((vec, source));
        assert_eq!(Counted::alive(), []);
    }
    assert_all_is_given_back(&heap);
}

#[test]
fn a_drop_that_panics_keeps_no_other_from_being_dropped() {
    let heap = heap();
    let ways: [fn(ShmVec<Counted>); 7] = [
        |vec| drop(vec),
        |mut vec| vec.truncate(2),
        |mut vec| vec.clear(),
        |mut vec| vec.retain(|element| element.number() < 2),
        |mut vec| drop(vec.drain(1..7)),
        |vec| drop(vec.into_iter()),
        |vec| drop(ShmBox::new_in(vec, &heaps::heap()).unwrap()),
    ];
    for way in ways {
        let vec = counted(10, &heap);
        Counted::panic_at(5);
        panics(|| way(vec));
        assert_eq!(Counted::alive(), []);
        assert_all_is_given_back(&heap);
    }
}

#[test]
fn a_vector_is_used_on_after_a_drop_that_panicked() {
    let heap = heap();
    let mut vec = counted(10, &heap);
    Counted::panic_at(5);
    panics(|| vec.truncate(3));
    assert_eq!((numbers(&vec), Counted::alive()), (vec![0, 1, 2], vec![0, 1, 2]));
    vec.push(Counted::new(7)).unwrap();
    Counted::panic_at(2);
    panics(|| {
        let mut drain = vec.drain(..3);
        assert_eq!(drain.next().map(|element| element.number()), Some(0));
        drop(drain);
    });
    assert_eq!((numbers(&vec), Counted::alive()), (vec![7], vec![7]));
    drop(vec);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_drain_that_is_forgotten_takes_its_elements_along_and_no_others() {
    let heap = heap();
    let mut vec = counted(10, &heap);
    mem::forget(vec.drain(2..5));
    assert_eq!(numbers(&vec), [0, 1, 5, 6, 7, 8, 9]);
    drop(vec);
    assert_eq!(Counted::alive(), [2, 3, 4]);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_drain_tells_what_is_still_to_come() {
    let heap = heap();
    let mut vec = ShmVec::from_iter_in(0..10_u32, &heap).unwrap();
    let mut drain = vec.drain(3..=7);
    assert_eq!((drain.next(), drain.next_back(), drain.len()), (Some(3), Some(7), 3));
    assert_eq!(
        (drain.as_slice(), format!("{drain:?}")),
        (&[4, 5, 6][..], "ShmVecDrain([4, 5, 6])".into())
    );
    drop(drain);
    assert_eq!(vec, [0, 1, 2, 8, 9]);
}

#[test]
fn places_beyond_the_end_are_refused() {
    let heap = heap();
    let mut vec = counted(3, &heap);
    panics(|| drop(vec.insert(4, Counted::new(3))));
    panics(|| drop(vec.remove(3)));
    panics(|| drop(vec.swap_remove(3)));
    panics(|| drop(vec.split_off(4)));
    panics(|| drop(vec.drain(2..4)));
    panics(|| drop(vec.drain(usize::MAX..)));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    panics(|| drop(vec.drain(2..1)));
    assert_eq!(numbers(&vec), [0, 1, 2]);
}

#[test]
fn it_is_compared_and_hashed_as_a_slice() {
    let heap = heap();
    let vec = ShmVec::from_slice_in(&[1_u8, 2], &heap).unwrap();
    let more = ShmVec::from_slice_in(&[1_u8, 2, 0], &heap).unwrap();
    assert!(vec == [1, 2] && vec == [1, 2][..] && vec == vec![1, 2]);
    assert!([1, 2] == vec && vec![1, 2] == vec && vec != more && vec < more);
    assert_eq!(
        (Borrow::<[u8]>::borrow(&vec), format!("{vec:?}")),
        (&[1_u8, 2][..], "[1, 2]".into())
    );
    let set = HashSet::from([vec, more]);
    assert!(set.contains(&[1_u8, 2][..]) && !set.contains(&[1_u8][..]));
}

#[test]
fn two_are_in_the_order_of_their_slices() {
    const SLICES: [&[u16]; 6] = [&[], &[1], &[1, 2], &[1, 0x100], &[1, 0x100], &[2]];
    let (heap, state) = (heap(), RandomState::new());
    let vec = |slice| ShmVec::from_slice_in(slice, &heap).unwrap();
    for (one, other) in SLICES.iter().flat_map(|one| SLICES.map(move |other| (*one, other))) {
        let (first, second) = (vec(one), vec(other));
        assert_eq!(first.cmp(&second), one.cmp(other), "{one:?} {other:?}");
        assert_eq!(first.partial_cmp(&second), Some(one.cmp(other)), "{one:?} {other:?}");
        assert_eq!(first == second, one == other, "{one:?} {other:?}");
        assert_eq!(state.hash_one(&first), state.hash_one(one));
        assert_eq!(format!("{first:?} {first:#04x?}"), format!("{one:?} {one:#04x?}"));
    }
    let floats = |slice: &[f64]| ShmVec::from_slice_in(slice, &heap).unwrap();
    assert_eq!(floats(&[1.0, f64::NAN]).partial_cmp(&floats(&[1.0, 2.0])), None);
    assert_all_is_given_back(&heap);
}

#[test]
fn it_lends_its_elements() {
    let heap = heap();
    let mut vec = ShmVec::from_slice_in(&[1_u8, 2, 3], &heap).unwrap();
    let place = vec.as_ptr();
    AsMut::<[u8]>::as_mut(&mut vec)[0] = 7;
    BorrowMut::<[u8]>::borrow_mut(&mut vec)[1] = 8;
    for element in &mut vec {
        *element *= 10;
    }
    assert_eq!((&vec).into_iter().collect::<Vec<_>>(), [&70, &80, &30]);
    for lent in [AsRef::<[u8]>::as_ref(&vec), Borrow::borrow(&vec)] {
        assert!(ptr::eq(lent.as_ptr(), place) && lent == [70, 80, 30]);
    }
}

#[test]
fn bytes_are_written_to_it_until_there_is_no_room() {
    let heap = small_heap();
    let mut bytes = ShmVec::new_in(&heap);
    writeln!(bytes, "{} bottles", 99).unwrap();
    bytes.flush().unwrap();
    assert_eq!(bytes, *b"99 bottles\n");
    let full = bytes.write_all(&[0; 64 << 10]).unwrap_err();
    assert_eq!((full.kind(), bytes.len()), (ErrorKind::OutOfMemory, 11));
}

#[test]
fn what_lies_in_a_heap_tells_which() {
    let [here, there] = [(); 2].map(|()| heap());
    let names: ShmVec<ShmString> = ShmVec::new_in(&there);
    let name = ShmString::from_str_in("Ada", &names.heap()).unwrap();
    let boxed = ShmBox::new_in([0_u8; 100], &name.heap()).unwrap();
    let other = ShmBox::new_in([0_u8; 100], &ShmBox::heap(&boxed)).unwrap();
    assert_eq!((in_use(&here), in_use(&there)), ((0, 0), (3, 0)));
    drop((name, boxed, other));
    assert_all_is_given_back(&there);
}

#[test]
fn a_vector_goes_to_other_threads_as_its_elements_do() {
    fn goes<T: Send + Sync>() {}
    goes::<(ShmVec<u64>, ShmVec<ShmString>, ShmBox<ShmVec<u8>>)>();
}

#[test]
fn a_forked_child_sees_and_changes_the_elements() {
    in_time(|| {
        let heap = heap();
        let mut shared = ShmBox::new_in(ShmVec::<ShmString>::new_in(&heap), &heap).unwrap();
        shared.push(ShmString::from_str_in("from the parent", &heap).unwrap()).unwrap();
        let child = Child::start(|| {
            assert_eq!(shared[0], "from the parent");
            for number in 0..500 {
                shared.push(ShmString::make(number, &heap)).unwrap();
            }
            shared[0].push_str(", and the child").unwrap();
            drop(shared.drain(1..=100));
        });
        assert_eq!(child.end(), 0);
        assert_eq!((shared[0].as_str(), shared.len()), ("from the parent, and the child", 401));
        assert!((100..500).eq(shared[1..].iter().map(Element::number)));
        drop(shared);
        assert_all_is_given_back(&heap);
    });
}
