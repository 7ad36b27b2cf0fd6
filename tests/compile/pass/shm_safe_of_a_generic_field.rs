//! What is made of a parameter may be asked for by the struct itself.

use aquifer::ShmSafe;
use std::marker::PhantomData;

#[derive(ShmSafe)]
#[repr(C)]
struct Wrapper<T> {
    value: T,
}

#[derive(ShmSafe)]
#[repr(C)]
struct Perhaps<T: Copy, const N: usize = 2, const LETTER: char = 'a'>
where
    Option<T>: ShmSafe,
{
    values: [Option<T>; N],
    kind: PhantomData<Wrapper<T>>,
}

fn sure<T: ShmSafe>() {}

fn main() {
    sure::<Wrapper<u8>>();
    sure::<Perhaps<std::num::NonZeroU8>>();
}
