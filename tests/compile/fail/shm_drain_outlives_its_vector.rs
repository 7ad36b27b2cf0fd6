//! What a vector or a string drains is gone with it.

use aquifer::{ShmString, ShmVec};

fn rest<'a>(mut vec: ShmVec<u64>) -> impl Iterator<Item = u64> + 'a {
    vec.drain(1..)
}

fn count_late(mut vec: ShmVec<u64>) -> usize {
    let drain = vec.drain(..);
    drop(vec);
    drain.count()
}

fn count_characters_late(mut string: ShmString) -> usize {
    let drain = string.drain(..);
    drop(string);
    drain.count()
}

fn main() {}
