//! An error that holds a lock borrows it.

use aquifer::{LockError, OwnerDied, ShmMutex};

fn keep<'a>(mutex: ShmMutex<u8>) -> Option<OwnerDied<'a, u8>> {
    match mutex.lock() {
        Err(LockError::OwnerDied(died)) => Some(died),
        _ => None,
    }
}

fn main() {}
