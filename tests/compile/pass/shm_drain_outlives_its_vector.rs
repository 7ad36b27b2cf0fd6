//! What is drained in time outlives the vector.

use aquifer::{ShmString, ShmVec};

fn rest(vec: &mut ShmVec<u64>) -> impl Iterator<Item = u64> {
    vec.drain(1..)
}

fn count(mut vec: ShmVec<u64>) -> usize {
    let count = vec.drain(..).count();
    drop(vec);
    count
}

fn count_characters(mut string: ShmString) -> usize {
    let count = string.drain(..).count();
    drop(string);
    count
}

fn main() {
    let _ = (rest, count, count_characters);
}
