//! An enum with fields tells.

#[derive(aquifer::ShmSafe)]
#[repr(u32)]
enum Number {
    Whole(u32),
    Real(f32),
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Number>();
}
