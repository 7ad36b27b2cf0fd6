//! A struct is as safe as its fields, also where it is they that did not derive it.

#[repr(C)]
struct Entry(u64);

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Journal {
    length: usize,
    entries: [Entry; 4],
}

fn main() {}
