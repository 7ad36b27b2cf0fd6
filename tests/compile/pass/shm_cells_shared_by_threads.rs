//! It may be sent, though.

use aquifer::{ShmBox, ShmVec};
use std::cell::Cell;

fn send(boxed: ShmBox<Cell<u8>>, vec: ShmVec<Cell<u64>>) {
    std::thread::scope(|threads| {
        threads.spawn(move || boxed.set(1));
        threads.spawn(move || vec[0].set(1));
    });
}

fn main() {
    let _ = send;
}
