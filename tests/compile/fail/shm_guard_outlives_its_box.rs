//! When a box is dropped, the lock in it is gone, and its memory another's.

use aquifer::{ShmBox, ShmMutex};

fn use_late(mutex: ShmBox<ShmMutex<u8>>) -> u8 {
    let guard = mutex.lock().unwrap();
    drop(mutex);
    *guard
}

fn main() {}
