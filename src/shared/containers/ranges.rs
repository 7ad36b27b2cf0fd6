//! Ranges, as users write them.
#![forbid(unsafe_code)]

use core::ops::{Bound, Range, RangeBounds};

/// Which of `length` elements a range means.
///
/// # Panics
///
/// Panics if it ends before it starts, or behind the last element.
#[track_caller]
pub(super) fn within(range: impl RangeBounds<usize>, length: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => Some(start),
        Bound::Excluded(&start) => start.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let end = match range.end_bound() {
        Bound::Included(&end) => end.checked_add(1),
        Bound::Excluded(&end) => Some(end),
        Bound::Unbounded => Some(length),
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= length => start..end,
        (start, end) => out_of_range(start, end, length),
    }
}

/// Says of a range what std says.
#[cold]
#[track_caller]
fn out_of_range(start: Option<usize>, end: Option<usize>, length: usize) -> ! {
    let [start, end] = [start, end].map(|place| place.unwrap_or(usize::MAX));
    if start > length {
        panic!("range start index {start} out of range for slice of length {length}");
    }
    if end > length {
        panic!("range end index {end} out of range for slice of length {length}");
    }
    panic!("slice index starts at {start} but ends at {end}");
}
