//! The lock knows its owner by its thread.

use aquifer::ShmMutexGuard;

fn give_away(guard: ShmMutexGuard<'_, u8>) {
    std::thread::scope(|threads| {
        threads.spawn(move || drop(guard));
    });
}

fn main() {}
