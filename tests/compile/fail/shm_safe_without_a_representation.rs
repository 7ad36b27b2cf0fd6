//! Without a `repr`, or with one that leaves a choice, each compiler may lay a type out in another way.

#[derive(aquifer::ShmSafe)]
struct Reading {
    sensor: u16,
    value: f32,
}

#[derive(aquifer::ShmSafe)]
#[repr(align(8))]
struct Aligned(u32);

#[derive(aquifer::ShmSafe)]
enum Plain {
    Low,
    High,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
enum AsWideAsInC {
    Low,
    High,
}

fn main() {}
