//! The field derives it, too.

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Entry(u64);

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Journal {
    length: usize,
    entries: [Entry; 4],
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Journal>();
}
