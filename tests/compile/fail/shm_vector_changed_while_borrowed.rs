//! A push may move all elements to another block, and a drain takes them out.

use aquifer::ShmVec;

fn push(vec: &mut ShmVec<u64>) -> u64 {
    let first = &vec[0];
    vec.push(1).unwrap();
    *first
}

fn drain(vec: &mut ShmVec<u64>) -> usize {
    let all = vec.as_slice();
    drop(vec.drain(..));
    all.len()
}

fn push_while_drained(vec: &mut ShmVec<u64>) {
    let drain = vec.drain(..);
    vec.push(1).unwrap();
    drop(drain);
}

fn main() {}
