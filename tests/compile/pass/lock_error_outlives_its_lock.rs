//! It may be kept for as long as the lock.

use aquifer::{LockError, OwnerDied, ShmMutex};

fn keep<'a>(mutex: &'a ShmMutex<u8>) -> Option<OwnerDied<'a, u8>> {
    match mutex.lock() {
        Err(LockError::OwnerDied(died)) => Some(died),
        _ => None,
    }
}

fn main() {
    let _ = keep;
}
