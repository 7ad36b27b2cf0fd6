//! What is shared outlives every function.

use std::marker::PhantomData;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Borrowed<'a> {
    index: u32,
    of: PhantomData<&'a [u8]>,
}

fn main() {}
