//! There are a name and a version, each once, on the type.

use aquifer::ShmSafe;

#[derive(ShmSafe)]
#[repr(C)]
#[shm(version = 2)]
struct Second(u8);

#[derive(ShmSafe)]
#[repr(C)]
#[shm(name = "inventory/Shelf")]
#[shm(version = 4294967295)]
struct Last(u8);

#[derive(ShmSafe)]
#[repr(u8)]
#[shm(name = "State", version = 0)]
enum Both {
    Low,
    High,
}

fn main() {
    assert_eq!(Second::SCHEMA.to_string(), "Second, version 2, 1 byte");
    assert_eq!(Last::SCHEMA.to_string(), "inventory/Shelf, version 4294967295, 1 byte");
    assert_eq!(Both::SCHEMA.to_string(), "State, version 0, 1 byte");
}
