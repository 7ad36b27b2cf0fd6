//! What repairs the data returns the guard, and drops it if nobody wants it.

#![deny(unused_must_use)]

use aquifer::{OwnerDied, Panicked, ShmMutexGuard};

fn repair(died: OwnerDied<'_, u8>, others: OwnerDied<'_, u8>, panicked: Panicked<'_, u8>) {
    died.replace(0);
    others.recover(|number| *number = 0);
    panicked.recover(|number| *number = 0);
}

fn take(guard: ShmMutexGuard<'_, u8>) -> ShmMutexGuard<'_, u8> {
    guard
}

fn take_and_forget(guard: ShmMutexGuard<'_, u8>) {
    take(guard);
}

fn main() {}
