//! Arrays, tuples and all kinds of structs of numbers may be derived for.
#![forbid(unsafe_code)]

use std::num::{NonZeroU8, Wrapping};
use std::sync::atomic::{AtomicBool, AtomicUsize};

#[derive(aquifer::KillSafe)]
pub struct Journal {
    entries: [u64; 8],
    length: usize,
    last: Entry,
}

#[derive(aquifer::KillSafe)]
struct Entry((f32, i128), NonZeroU8, Wrapping<u16>);

#[derive(aquifer::KillSafe)]
struct Counters(AtomicUsize, AtomicBool);

#[derive(aquifer::KillSafe)]
#[repr(C, packed)]
struct Packed {
    small: u8,
    large: u64,
}

#[derive(aquifer::KillSafe)]
struct Nothing;

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Journal>();
    sure::<(Counters, Packed, Nothing, ())>();
    sure::<(u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8)>();
}
