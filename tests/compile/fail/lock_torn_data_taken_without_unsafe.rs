//! To take what a dead owner has left is to vouch for it.

use aquifer::{OwnerDied, ShmMutexGuard};

fn take(died: OwnerDied<'_, String>) -> ShmMutexGuard<'_, String> {
    died.into_guard()
}

fn main() {}
