//! A swap that was cut short leaves a box in two places, with two owners, and half of a lock in each.

use aquifer::{ShmBox, ShmMutex, ShmString, ShmVec};

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<ShmBox<u64>>();
    sure::<Option<ShmBox<u64>>>();
    sure::<ShmVec<u64>>();
    sure::<ShmString>();
    sure::<ShmMutex<u64>>();
}
