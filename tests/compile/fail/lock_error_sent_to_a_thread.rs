//! An error that holds a lock is bound to its thread like a guard.

use aquifer::OwnerDied;

fn give_away(died: OwnerDied<'_, u8>) {
    std::thread::scope(|threads| {
        threads.spawn(move || drop(died.replace(0)));
    });
}

fn main() {}
