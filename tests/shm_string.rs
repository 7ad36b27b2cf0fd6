//! What a `ShmString` promises.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "vouches for the elements of tests")]

mod heaps;

use std::borrow::{Borrow, BorrowMut, Cow};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;

use aquifer::{AllocError, ShmBox, ShmString, ShmVec, TryClone};
use heaps::{assert_all_is_given_back, heap, in_use, small_heap};

#[test]
fn a_new_string_takes_no_memory() {
    let heap = heap();
    let mut text = ShmString::new_in(&heap);
    text.push_str("").unwrap();
    text.clear();
    text.retain(|_| false);
    assert_eq!((text.pop(), &*text, in_use(&heap)), (None, "", (0, 0)));
}

#[test]
fn text_that_finds_no_room_changes_nothing() {
    let heap = small_heap();
    let mut text = ShmString::new_in(&heap);
    while text.push_str("0123456789abcdef→").is_ok() {}
    let (length, capacity) = (text.len(), text.capacity());
    assert!(length % 19 == 0 && length > 10_000);
    let much = "x".repeat(capacity - length + 1);
    assert_eq!(text.push_str(&much), Err(AllocError));
    assert_eq!(text.insert_str(5, &much), Err(AllocError));
    assert_eq!(text.reserve_exact(1 << 20), Err(AllocError));
    assert!(text.split_off(19).is_err());
    assert_eq!(text.replace_range(..1, &format!("{much}x")), Err(AllocError));
    assert!(text.try_clone().is_err() && ShmString::from_str_in(&text, &heap).is_err());
    assert!(write!(text, "{much}").is_err());
    assert_eq!(text.len(), length);
    assert!(text.as_bytes().chunks(19).all(|chunk| chunk == "0123456789abcdef→".as_bytes()));
    text.replace_range(..much.len(), &much).unwrap();
    drop(text);
    assert_all_is_given_back(&heap);
}

#[test]
fn a_piece_that_finds_no_room_is_given_back() {
    let heap = small_heap();
    let mut text = ShmString::new_in(&heap);
    let mut words = (0_u64..).map(|number| format!("{number:→>19}"));
    let refused = text.try_extend(words.by_ref()).unwrap_err().into_value();
    let digit = |word: &str| word.trim_start_matches('→').parse::<usize>().unwrap();
    let count = digit(&refused);
    assert!(count > 100 && digit(&words.next().unwrap()) == count + 1);
    let all = Vec::from_iter((0..count).map(|number| format!("{number:→>19}"))).concat();
    assert_eq!(text, all);
    let length = text.len();
    let many = "🦀".repeat(10_000);
    let mut characters = many.chars();
    assert_eq!(text.try_extend(characters.by_ref()).unwrap_err().into_value(), '🦀');
    assert_eq!((text.len() - length) / 4 + 1 + characters.count(), 10_000);
    drop(text);
    assert!(ShmString::from_iter_in(["x".repeat(100_000)], &heap).is_err());
    assert_all_is_given_back(&heap);
}

#[test]
fn all_kinds_of_text_are_put_one_behind_another() {
    let heap = heap();
    let mut text = ShmString::from_iter_in(['a', 'ä'], &heap).unwrap();
    text.try_extend(&['→', '🦀']).unwrap();
    text.try_extend(["1", "2"]).unwrap();
    text.try_extend(&[String::from("3")]).unwrap();
    text.try_extend([Cow::Borrowed("4")]).unwrap();
    text.try_extend([text.try_clone().unwrap()]).unwrap();
    assert_eq!(text, "aä→🦀1234aä→🦀1234");
}

#[test]
fn a_drain_changes_the_text_when_it_is_dropped() {
    let heap = heap();
    let mut text = ShmString::from_str_in("aä→b🦀→x", &heap).unwrap();
    mem::forget(text.drain(1..6));
    assert_eq!(text, "aä→b🦀→x");
    let mut drain = text.drain(1..11);
    assert_eq!((drain.next(), drain.next_back()), (Some('ä'), Some('🦀')));
    assert_eq!(
        (drain.as_str(), format!("{drain:?}"), drain.size_hint()),
        ("→b", "ShmStringDrain(\"→b\")".into(), "→b".chars().size_hint())
    );
    assert_eq!((drain.next(), drain.next_back(), drain.next(), drain.next_back()), {
        (Some('→'), Some('b'), None, None)
    });
    drop(drain);
    assert_eq!(text, "a→x");
    drop(text.drain(..));
    assert_eq!(text.drain(..).count() + text.len(), 0);
}

#[test]
fn text_is_written_as_to_a_string() {
    let heap = heap();
    let mut text = ShmString::with_capacity_in(10, &heap).unwrap();
    write!(text, "{}-{:>4}", 7, 'ä').unwrap();
    assert_eq!(
        (format!("{text}|{text:>8}"), format!("{text:?}")),
        ("7-   ä|  7-   ä".into(), "\"7-   ä\"".into())
    );
}

#[test]
fn characters_are_never_cut() {
    let heap = heap();
    let mut text = ShmString::from_str_in("aä→🦀", &heap).unwrap();
    for place in [2, 4, 5, 7, 8, 9, 11, 99] {
        let refused = [
            catch_unwind(AssertUnwindSafe(|| _ = text.insert(place, 'x'))),
            catch_unwind(AssertUnwindSafe(|| _ = text.insert_str(place, ""))),
            catch_unwind(AssertUnwindSafe(|| _ = text.remove(place))),
            catch_unwind(AssertUnwindSafe(|| _ = text.replace_range(place.., ""))),
            catch_unwind(AssertUnwindSafe(|| _ = text.replace_range(..place, ""))),
            catch_unwind(AssertUnwindSafe(|| _ = text.drain(place..))),
            catch_unwind(AssertUnwindSafe(|| _ = text.drain(..place))),
        ];
        assert!(refused.iter().all(Result::is_err), "{place}");
        assert!(catch_unwind(AssertUnwindSafe(|| _ = text.split_off(place))).is_err());
        let cut = catch_unwind(AssertUnwindSafe(|| text.truncate(place)));
        assert_eq!(cut.is_err(), place < text.len(), "{place}");
    }
    assert_eq!(text, "aä→🦀");
    assert!(catch_unwind(AssertUnwindSafe(|| text.remove(10))).is_err());
    assert_eq!((text.remove(1), text.pop()), ('ä', Some('🦀')));
    assert_eq!(text, "a→");
}

#[test]
fn a_closure_that_panics_leaves_what_was_kept() {
    let heap = heap();
    let mut text = ShmString::from_str_in("aäb→c🦀d", &heap).unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| {
        text.retain(|character| if character == '🦀' { panic!() } else { character != 'b' });
    }));
    assert!(result.is_err());
    assert_eq!(text, "aä→c");
}

#[test]
fn bytes_that_are_no_text_are_given_back() {
    let heap = heap();
    let bytes = ShmVec::from_slice_in(b"abc\xFF", &heap).unwrap();
    let error = ShmString::from_utf8(bytes).unwrap_err();
    assert_eq!(error.to_string(), error.utf8_error().to_string());
    let mut bytes = error.into_bytes();
    assert_eq!(bytes.pop(), Some(0xFF));
    let text = ShmString::from_utf8(bytes).unwrap();
    assert_eq!(text, "abc");
    assert_eq!(text.try_clone().unwrap().into_bytes(), text.into_bytes());
    assert_all_is_given_back(&heap);
}

#[test]
fn it_is_compared_and_hashed_as_a_str() {
    let heap = heap();
    let string = |text| ShmString::from_str_in(text, &heap).unwrap();
    let (one, other) = (string("abc"), string("abd"));
    let (owned, lent) = (String::from("abc"), Cow::Borrowed("abc"));
    assert_eq!(one, owned);
    assert_eq!(owned, one);
    assert_eq!(one, lent);
    assert_eq!(lent, one);
    assert!(one == "abc" && one == *"abc");
    assert_eq!("abc", one);
    assert!(one != other && one < other && string("ab") < one);
    let map = HashMap::from([(one, 1), (other, 2)]);
    assert_eq!((map.get("abd"), map.get("ab")), (Some(&2), None));
}

#[test]
fn two_are_in_the_order_of_their_texts() {
    const TEXTS: [&str; 7] = ["", "a", "ab", "ab", "a\n\"", "b", "ä→🦀"];
    let (heap, state) = (heap(), RandomState::new());
    let string = |text| ShmString::from_str_in(text, &heap).unwrap();
    for (one, other) in TEXTS.iter().flat_map(|one| TEXTS.map(move |other| (*one, other))) {
        let (first, second) = (string(one), string(other));
        assert_eq!(first.cmp(&second), one.cmp(other), "{one:?} {other:?}");
        assert_eq!(first.partial_cmp(&second), Some(one.cmp(other)), "{one:?} {other:?}");
        assert_eq!(first == second, one == other, "{one:?} {other:?}");
        assert_eq!(state.hash_one(&first), state.hash_one(one));
        assert_eq!(format!("{first}|{first:>4}|{first:.1}"), format!("{one}|{one:>4}|{one:.1}"));
        assert_eq!(format!("{first:?} {first:#?}"), format!("{one:?} {one:#?}"));
    }
    assert_all_is_given_back(&heap);
}

#[test]
fn it_lends_its_text() {
    let heap = heap();
    let mut text = ShmString::from_str_in("abcä", &heap).unwrap();
    let place = text.as_ptr();
    AsMut::<str>::as_mut(&mut text)[..1].make_ascii_uppercase();
    BorrowMut::<str>::borrow_mut(&mut text)[2..].make_ascii_uppercase();
    for lent in [AsRef::<str>::as_ref(&text), Borrow::borrow(&text)] {
        assert!(ptr::eq(lent.as_ptr(), place) && lent == "AbCä");
    }
    let bytes: &[u8] = text.as_ref();
    assert!(ptr::eq(bytes.as_ptr(), place) && bytes == "AbCä".as_bytes());
    assert_eq!(
        (AsRef::<Path>::as_ref(&text), AsRef::<OsStr>::as_ref(&text)),
        ("AbCä".as_ref(), "AbCä".as_ref())
    );
}

#[test]
fn a_string_lies_in_a_box_and_changes_there() {
    let heap = heap();
    let mut text = ShmBox::new_in(ShmString::from_str_in("well", &heap).unwrap(), &heap).unwrap();
    text.insert(0, 's').unwrap();
    text.make_ascii_uppercase();
    assert_eq!(**text, *"SWELL");
    text.shrink_to_fit();
    drop(text);
    assert_all_is_given_back(&heap);
}
