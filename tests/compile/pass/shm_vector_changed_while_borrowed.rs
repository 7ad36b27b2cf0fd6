//! One after the other.

use aquifer::ShmVec;

fn push(vec: &mut ShmVec<u64>) -> u64 {
    let first = vec[0];
    vec.push(1).unwrap();
    first
}

fn drain(vec: &mut ShmVec<u64>) -> usize {
    let all = vec.as_slice().len();
    drop(vec.drain(..));
    all
}

fn push_when_drained(vec: &mut ShmVec<u64>) {
    let drain = vec.drain(..);
    drop(drain);
    vec.push(1).unwrap();
}

fn main() {
    let _ = (push, drain, push_when_drained);
}
