//! What is near by has an index, and what is to be called has a name in an enum.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU64;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
pub struct Named {
    name: [u8; 16],
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Linked {
    next: AtomicU64,
}

#[derive(aquifer::ShmSafe)]
#[repr(u8)]
enum Callback {
    None,
    Add(u32),
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Named>();
    sure::<Linked>();
    sure::<Callback>();
    sure::<()>();
}
