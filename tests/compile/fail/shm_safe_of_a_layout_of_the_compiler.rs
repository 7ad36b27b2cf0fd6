//! Tuples, most of std's structs and most `Option`s are laid out as the compiler likes.

use std::time::Duration;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Settings {
    pair: (u8, u32),
    timeout: Duration,
    limit: Option<u32>,
    last: Option<char>,
}

fn main() {}
