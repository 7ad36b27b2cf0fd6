//! A kill may leave the variant of one value with the fields of another.

#[derive(aquifer::KillSafe)]
#[repr(u8)]
enum Job {
    Idle,
    Copy { from: u32, to: u32 },
}

fn main() {}
