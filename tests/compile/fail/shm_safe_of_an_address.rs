//! An address means nothing in another process: be it borrowed, raw, atomic, or that of a function.

use std::sync::atomic::AtomicPtr;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Named {
    name: &'static str,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Linked {
    next: AtomicPtr<u64>,
}

#[derive(aquifer::ShmSafe)]
#[repr(u8)]
enum Callback {
    None,
    Call(fn(u32) -> u32),
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<*const u64>();
    sure::<&'static u64>();
    sure::<extern "C" fn()>();
}
