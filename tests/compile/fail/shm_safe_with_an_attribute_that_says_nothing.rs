//! What the derive does not know, or not where it stands, it does not pass over.

use aquifer::ShmSafe;

#[derive(ShmSafe)]
#[repr(C)]
#[shm(versoin = 2)]
struct Misspelt(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(version = 2)]
#[shm(version = 3)]
struct Twice(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(version = -1)]
struct BeforeTheFirst(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(version = 4294967296)]
struct AfterTheLast(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(name = "")]
struct Nameless(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(name = Letters)]
struct NotAText(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm]
struct Empty(u8);

#[derive(ShmSafe)]
#[repr(C)]
struct OnAField(#[shm(name = "value")] u8);

#[derive(ShmSafe)]
#[repr(u8)]
enum OnAVariant {
    #[shm(version = 2)]
    Low,
    High,
}

#[derive(ShmSafe)]
#[repr(u8)]
enum OnAFieldOfAVariant {
    Low(#[shm(version = 2)] u8),
}

fn main() {}
