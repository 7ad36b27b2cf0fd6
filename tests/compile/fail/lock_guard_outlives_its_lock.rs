//! A guard borrows its lock.

use aquifer::{ShmMutex, ShmMutexGuard};

fn keep<'a>(mutex: ShmMutex<u8>) -> Option<ShmMutexGuard<'a, u8>> {
    mutex.lock().ok()
}

fn main() {}
