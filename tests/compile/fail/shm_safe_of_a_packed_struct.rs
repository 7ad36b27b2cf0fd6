//! A field that is not aligned can be no atomic and no lock, and nobody may borrow it.

#[derive(aquifer::ShmSafe)]
#[repr(C, packed)]
struct Packed {
    small: u8,
    large: u64,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
#[repr(packed(2))]
struct PackedByTwo {
    small: u8,
    large: u64,
}

fn main() {}
