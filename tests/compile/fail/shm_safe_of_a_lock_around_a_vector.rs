//! A lock is as safe to share as what is in it.

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<aquifer::ShmMutex<Vec<u8>>>();
}
