//! A generic struct is as safe as what it is filled with, and no safer.

#[derive(aquifer::KillSafe)]
struct Wrapper<T> {
    t: T,
}

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Wrapper<Vec<u8>>>();
}
