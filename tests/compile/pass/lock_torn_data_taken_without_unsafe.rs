//! What a panic has left is valid.

use aquifer::{Panicked, ShmMutexGuard};

fn take(panicked: Panicked<'_, String>) -> ShmMutexGuard<'_, String> {
    panicked.into_guard()
}

fn main() {
    let _ = take;
}
