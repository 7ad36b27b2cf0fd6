//! What threads may use at the same time they may use through a guard.

use aquifer::ShmMutexGuard;
use std::sync::atomic::{AtomicU8, Ordering};

fn share(guard: &ShmMutexGuard<'_, AtomicU8>) {
    std::thread::scope(|threads| {
        threads.spawn(|| guard.store(1, Ordering::Relaxed));
    });
}

fn main() {
    let _ = share;
}
