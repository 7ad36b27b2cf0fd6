//! `()` has nothing to lay out, and an `Option` of what is not 0 has 0 for `None`, by the language.

use std::num::{NonZero, NonZeroI8, NonZeroU32};

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Settings {
    pair: Pair,
    nothing: (),
    nanoseconds: u64,
    limit: Option<NonZeroU32>,
    last: [Option<NonZero<u128>>; 2],
    sign: Option<NonZeroI8>,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Pair(u8, u32);

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Settings>();
}
