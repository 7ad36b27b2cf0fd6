//! What a `ShmVec` and a `ShmString` say of places that are not there: what those of std say, and who asked.
#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::ops::Bound;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use aquifer::{Backing, SharedHeap, ShmString, ShmVec};

thread_local! {
    /// Where the last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What is said when something panics, which has to be in this file.
#[track_caller]
fn said(body: impl FnOnce()) -> String {
    let result = catch_unwind(AssertUnwindSafe(body));
    let payload = result.expect_err("it did not panic");
    assert!(PLACE.with_borrow(|place| place == file!()), "{PLACE:?}");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("text")).to_owned(),
    }
}

fn note_places() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let place = panic.location().expect("a place").file();
            PLACE.with_borrow_mut(|noted| place.clone_into(noted));
            print(panic);
        }));
    });
}

#[test]
#[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
fn a_vector_says_which_place_is_not_there() {
    note_places();
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let mut vec = ShmVec::from_slice_in(&[1_u32, 2, 3], &heap).unwrap();
    let after_all = (Bound::Excluded(usize::MAX), Bound::Unbounded);
    let end = usize::MAX;
    for (text, panics) in [
        ("insertion index (is 4) should be <= len (is 3)", said(|| _ = vec.insert(4, 0))),
        ("removal index (is 3) should be < len (is 3)", said(|| _ = vec.remove(3))),
        ("swap_remove index (is 3) should be < len (is 3)", said(|| _ = vec.swap_remove(3))),
        ("`at` split index (is 4) should be <= len (is 3)", said(|| _ = vec.split_off(4))),
        ("range start index 5 out of range for slice of length 3", said(|| _ = vec.drain(5..))),
        ("range end index 4 out of range for slice of length 3", said(|| _ = vec.drain(2..=3))),
        ("range end index 5 out of range for slice of length 3", said(|| _ = vec.drain(3..5))),
        ("slice index starts at 2 but ends at 1", said(|| _ = vec.drain(2..1))),
        (
            &format!("range end index {end} out of range for slice of length 3"),
            said(|| _ = vec.drain(..=end)),
        ),
        (
            &format!("range start index {end} out of range for slice of length 3"),
            said(|| _ = vec.extend_from_within(after_all)),
        ),
    ] {
        assert_eq!(panics, text);
    }
    assert_eq!(vec, [1, 2, 3]);
}

#[test]
fn a_string_says_which_place_is_not_there() {
    note_places();
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let mut text = ShmString::from_str_in("aä", &heap).unwrap();
    let (within, behind) =
        ("byte index 2 is not a char boundary", "byte index 4 is out of bounds of text of 3 bytes");
    for (text, panics) in [
        (within, said(|| _ = text.insert(2, 'x'))),
        (behind, said(|| _ = text.insert_str(4, "x"))),
        (within, said(|| _ = text.remove(2))),
        ("cannot remove a char from the end of a string", said(|| _ = text.remove(3))),
        (behind, said(|| _ = text.remove(4))),
        (within, said(|| text.truncate(2))),
        (behind, said(|| _ = text.split_off(4))),
        (within, said(|| _ = text.drain(2..))),
        ("range end index 4 out of range for slice of length 3", said(|| _ = text.drain(..4))),
        (within, said(|| _ = text.replace_range(..2, ""))),
    ] {
        assert_eq!(panics, text);
    }
    assert_eq!(text, "aä");
}
