//! Who says so may release it at once.

#![deny(unused_must_use)]

use aquifer::{OwnerDied, Panicked, ShmMutexGuard};

fn repair(died: OwnerDied<'_, u8>, others: OwnerDied<'_, u8>, panicked: Panicked<'_, u8>) {
    drop(died.replace(0));
    drop(others.recover(|number| *number = 0));
    drop(panicked.recover(|number| *number = 0));
}

fn take(guard: ShmMutexGuard<'_, u8>) -> ShmMutexGuard<'_, u8> {
    guard
}

fn take_and_forget(guard: ShmMutexGuard<'_, u8>) {
    drop(take(guard));
}

fn main() {
    let _ = (repair, take_and_forget);
}
