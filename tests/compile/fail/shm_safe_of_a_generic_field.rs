//! A generic struct asks of its parameter to be safe, and of what it makes of it.

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Wrapper<T> {
    value: T,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Perhaps<T> {
    value: Option<T>,
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Wrapper<Vec<u8>>>();
}
