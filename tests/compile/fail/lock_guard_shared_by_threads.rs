//! The lock is held by one thread, and the guard would let two use the cell.

use aquifer::ShmMutexGuard;
use std::cell::Cell;

fn share(guard: &ShmMutexGuard<'_, Cell<u8>>) {
    std::thread::scope(|threads| {
        threads.spawn(|| guard.set(1));
    });
}

fn main() {}
