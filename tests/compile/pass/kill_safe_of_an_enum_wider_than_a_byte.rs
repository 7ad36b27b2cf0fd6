//! One byte is written whole or not at all.

#[derive(aquifer::KillSafe)]
#[repr(u8)]
enum Unsigned {
    Low = 0x01,
    High = 0xf0,
}

#[derive(aquifer::KillSafe)]
#[repr(align(4))]
#[repr(i8)]
enum Signed {
    Low = -1,
    High = 1,
}

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<(Unsigned, Signed)>();
}
