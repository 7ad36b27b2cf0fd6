//! A box or a vector is shared by threads no more than what is in it.

use aquifer::{ShmBox, ShmVec};
use std::cell::Cell;

fn share(boxed: &ShmBox<Cell<u8>>, vec: &ShmVec<Cell<u64>>) {
    std::thread::scope(|threads| {
        threads.spawn(|| boxed.set(1));
        threads.spawn(|| vec[0].set(1));
    });
}

fn main() {}
