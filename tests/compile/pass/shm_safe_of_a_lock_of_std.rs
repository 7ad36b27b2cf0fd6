//! `ShmMutex` is for processes, around what may be shared.

use aquifer::{ShmMutex, ShmSemaphore};

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Account {
    cents: ShmMutex<i64>,
    free: ShmSemaphore,
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Account>();
}
