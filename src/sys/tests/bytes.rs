//! Looks into shared memory, word by word.
#![expect(unsafe_code, reason = "borrows words in a mapping")]

use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use super::patience::comes_true;
use crate::sys::mapping::Memory;

/// Borrows all whole words of the memory.
pub(super) fn words(memory: &Memory) -> &[AtomicU64] {
    let start = memory.start().cast::<AtomicU64>().as_ptr().cast_const();
    // SAFETY: mapped while it is borrowed, at a multiple of the page's size; whoever writes it uses atomics.
    unsafe { slice::from_raw_parts(start, memory.bytes() / size_of::<AtomicU64>()) }
}

pub(super) fn is_zeroed(memory: &Memory) -> bool {
    words(memory).iter().all(|word| word.load(Ordering::Relaxed) == 0)
}

/// Returns whether the first word becomes `value` soon.
pub(super) fn becomes(memory: &Memory, value: u64) -> bool {
    comes_true(|| first(memory).load(Ordering::Acquire) == value)
}

pub(super) fn first(memory: &Memory) -> &AtomicU64 {
    words(memory).first().expect("the memory has a word")
}
