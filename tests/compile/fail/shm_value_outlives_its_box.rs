//! What a box lends is gone with the box.

use aquifer::ShmBox;

fn use_late(boxed: ShmBox<u64>) -> u64 {
    let number: &u64 = &boxed;
    drop(boxed);
    *number
}

fn take_late(boxed: ShmBox<u64>) -> u64 {
    let number: &u64 = &boxed;
    boxed.into_inner() + number
}

fn main() {}
