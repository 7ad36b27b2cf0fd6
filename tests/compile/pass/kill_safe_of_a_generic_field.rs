//! The bounds are those of the fields, not those of the parameters.

use std::marker::PhantomData;

#[derive(aquifer::KillSafe)]
struct Wrapper<T> {
    t: T,
}

#[derive(aquifer::KillSafe)]
struct Table<'a, T: Iterator, const N: usize = 2>
where
    T::Item: Copy,
{
    items: [Wrapper<T::Item>; N],
    borrowed: PhantomData<&'a [T]>,
}

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Wrapper<u32>>();
    sure::<Table<std::vec::IntoIter<u32>>>();
}
