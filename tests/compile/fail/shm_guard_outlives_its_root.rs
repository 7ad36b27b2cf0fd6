//! A guard borrows the root by which its lock was found.

use aquifer::{Root, ShmMutex, ShmMutexGuard};

fn keep<'a>(root: Root<ShmMutex<u8>>) -> Option<ShmMutexGuard<'a, u8>> {
    root.lock().ok()
}

fn main() {}
