//! What a `ShmVec` and a `ShmString` say of places that are not there: what those of std say, and who asked.
#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::ops::Bound;
use std::panic::{self, AssertUnwindSafe, catch_unwind};

use aquifer::{Backing, SharedHeap, ShmVec};

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
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().expect("a place").file();
        PLACE.with_borrow_mut(|noted| place.clone_into(noted));
    }));
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
