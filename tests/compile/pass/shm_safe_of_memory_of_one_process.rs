//! What lies in the type itself needs no other memory.
#![forbid(unsafe_code)]

use std::mem::MaybeUninit;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Boxed {
    value: u64,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Named {
    name: [char; 8],
}

#[derive(aquifer::ShmSafe)]
#[repr(transparent)]
struct Journal([MaybeUninit<u64>; 4]);

#[derive(aquifer::ShmSafe)]
#[repr(C, u8)]
enum Shared {
    ByProcesses(u64),
    ByThreads { value: Boxed },
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<[Named; 2]>();
    sure::<Journal>();
    sure::<Shared>();
}
