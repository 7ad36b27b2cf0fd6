//! Moving elements about so that a process that dies meanwhile leaves no handle half written.
#![expect(unsafe_code, reason = "copies values")]

use core::mem::{self, MaybeUninit};
use core::ptr::{self, NonNull};

/// What is copied by one instruction. A handle is one.
type Word = MaybeUninit<u64>;

/// Whether handles may be in such values: they are aligned words, and own something.
const fn may_own<T>() -> bool {
    mem::needs_drop::<T>() && mem::align_of::<T>() >= mem::align_of::<Word>()
}

/// How many words so many values have, if handles may be in them.
const fn words<T>(count: usize) -> usize {
    count * (mem::size_of::<T>() / mem::size_of::<Word>())
}

/// Copies so many values; the places may overlap.
///
/// Values that may own something are copied word by word, so that each handle in them is a whole one
/// wherever the process dies, be it the old or the new: a `memmove` may stop between any two bytes.
///
/// # Safety
///
/// 1. At `from` lie so many values, and at `to` is room for them.
/// 2. Nobody else uses the places, and no value is used in two of them afterwards.
#[inline]
pub(super) unsafe fn shift<T>(from: NonNull<T>, to: NonNull<T>, count: usize) {
    if may_own::<T>() {
        // SAFETY: the caller's duty; so many values are as many aligned words.
        unsafe { shift_words(from.cast(), to.cast(), words::<T>(count)) };
    } else {
        // SAFETY: the caller's duty.
        unsafe { ptr::copy(from.as_ptr(), to.as_ptr(), count) };
    }
}

/// Swaps two values, as [`shift`] copies them: wherever the process dies, one of them is in both places
/// at worst, or some of its words are.
///
/// # Safety
///
/// 1. At both places lies a value, and one is not the other.
/// 2. Nobody else uses them.
#[inline]
pub(super) unsafe fn swap<T>(one: NonNull<T>, other: NonNull<T>) {
    if may_own::<T>() {
        // SAFETY: the caller's duty; a value is as many aligned words.
        unsafe { swap_words(one.cast(), other.cast(), words::<T>(1)) };
    } else {
        // SAFETY: the caller's duty.
        unsafe { ptr::swap_nonoverlapping(one.as_ptr(), other.as_ptr(), 1) };
    }
}

/// Brings the first `middle` values behind the others. Those that may own something are swapped into their
/// places one by one, as [`swap`] does.
///
/// # Panics
///
/// Panics if there are fewer.
pub(super) fn rotate<T>(values: &mut [T], middle: usize) {
    if may_own::<T>() {
        let (first, last) = values.split_at_mut(middle);
        if !first.is_empty() && !last.is_empty() {
            reverse(first);
            reverse(last);
            reverse(values);
        }
    } else {
        values.rotate_left(middle);
    }
}

fn reverse<T>(values: &mut [T]) {
    let half = values.len() / 2;
    let (first, last) = values.split_at_mut(half);
    for (one, other) in first.iter_mut().zip(last.iter_mut().rev()) {
        // SAFETY: both are borrowed for this.
        unsafe { swap(NonNull::from(one), NonNull::from(other)) };
    }
}

/// # Safety
///
/// As [`shift`].
unsafe fn shift_words(from: NonNull<Word>, to: NonNull<Word>, count: usize) {
    let goes_up = to > from;
    for step in 0..count {
        let index = if goes_up { count - 1 - step } else { step };
        // SAFETY: the caller's duty.
        let source = unsafe { from.add(index) };
        // SAFETY: the caller's duty.
        let place = unsafe { to.add(index) };
        // SAFETY: the caller's duty; volatile, so that it is one instruction and stays in order.
        let word = unsafe { source.read_volatile() };
        // SAFETY: as above.
        unsafe { place.write_volatile(word) };
    }
}

/// # Safety
///
/// As [`swap`].
unsafe fn swap_words(one: NonNull<Word>, other: NonNull<Word>, count: usize) {
    for index in 0..count {
        // SAFETY: the caller's duty.
        let one = unsafe { one.add(index) };
        // SAFETY: the caller's duty.
        let other = unsafe { other.add(index) };
        // SAFETY: the caller's duty; volatile, so that it is one instruction and stays in order.
        let kept = unsafe { one.read_volatile() };
        // SAFETY: as above.
        let word = unsafe { other.read_volatile() };
        // SAFETY: as above.
        unsafe { one.write_volatile(word) };
        // SAFETY: as above.
        unsafe { other.write_volatile(kept) };
    }
}
