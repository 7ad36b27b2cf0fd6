//! Without a lifetime it may stay.

use std::marker::PhantomData;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Index<T> {
    index: u32,
    of: PhantomData<[T; 1]>,
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Index<u8>>();
}
