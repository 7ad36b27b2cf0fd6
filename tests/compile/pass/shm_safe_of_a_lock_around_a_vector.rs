//! A cell is not for several threads at once, but behind a lock there is only one.

use std::cell::Cell;

use aquifer::ShmMutex;

fn sure<T: aquifer::ShmSafe + Sync>() {}

fn main() {
    sure::<ShmMutex<Cell<u8>>>();
}
