//! Numbers may be in their place: an index, a flag beside it, bytes with their length, and an atomic.

use std::sync::atomic::AtomicU64;

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<u32>();
    sure::<(bool, u32)>();
    sure::<([u64; 16], usize)>();
    sure::<([u8; 64], usize)>();
    sure::<AtomicU64>();
}
