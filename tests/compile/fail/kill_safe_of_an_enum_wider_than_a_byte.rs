//! Two discriminants of two bytes may mix to a third that no variant has, as 0x0100 and 0x0001.

#[derive(aquifer::KillSafe)]
#[repr(u16)]
enum Wide {
    Low = 0x0001,
    High = 0x0100,
}

#[derive(aquifer::KillSafe)]
enum AsWideAsTheCompilerLikes {
    Low,
    High,
}

fn main() {}
