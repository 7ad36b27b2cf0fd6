//! What is copied stays.

use aquifer::ShmBox;

fn use_a_copy(boxed: ShmBox<u64>) -> u64 {
    let number: u64 = *boxed;
    drop(boxed);
    number
}

fn take(boxed: ShmBox<u64>) -> u64 {
    boxed.into_inner()
}

fn main() {
    let _ = (use_a_copy, take);
}
