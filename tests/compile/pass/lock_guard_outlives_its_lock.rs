//! It may be kept for as long as the lock.

use aquifer::{ShmMutex, ShmMutexGuard};

fn keep<'a>(mutex: &'a ShmMutex<u8>) -> Option<ShmMutexGuard<'a, u8>> {
    mutex.lock().ok()
}

fn main() {
    let _ = keep;
}
