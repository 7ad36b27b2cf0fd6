//! What the bytes of a union mean, nobody can tell by looking at them.

#[derive(aquifer::ShmSafe)]
#[repr(C)]
union Number {
    whole: u32,
    real: f32,
}

fn main() {}
