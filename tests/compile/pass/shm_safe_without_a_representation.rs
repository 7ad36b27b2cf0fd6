//! With it, the language says where each field lies.

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Reading {
    sensor: u16,
    value: f32,
}

#[derive(aquifer::ShmSafe)]
#[repr(C, align(8))]
struct Aligned(u32);

#[derive(aquifer::ShmSafe)]
#[repr(u16)]
#[repr(align(4))]
enum Plain {
    Low,
    High,
}

#[derive(aquifer::ShmSafe)]
#[repr(C, isize)]
enum AsWideAsAPointer {
    Low,
    High(u8),
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<Reading>();
    sure::<Aligned>();
    sure::<Plain>();
    sure::<AsWideAsAPointer>();
}
