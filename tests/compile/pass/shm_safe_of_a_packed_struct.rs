//! Bytes need no alignment, so nothing has to be packed.

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Packed {
    small: u8,
    large: [u8; 8],
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Packed>();
    assert_eq!(size_of::<Packed>(), 9);
}
