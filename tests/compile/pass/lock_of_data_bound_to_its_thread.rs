//! Taking turns is enough for what threads may not use at the same time.

use aquifer::ShmMutex;
use std::cell::Cell;

fn sure<T: Send + Sync>() {}

fn main() {
    sure::<ShmMutex<Cell<u8>>>();
}
