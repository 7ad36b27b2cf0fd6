//! What is of numbers may go to any thread.

use aquifer::{Schema, ShmSafe};

#[repr(C)]
struct Held(u64, u8);

// SAFETY: it is two numbers, and `repr(C)`.
unsafe impl ShmSafe for Held {
    const SCHEMA: Schema = Schema::new::<Self>("Held");
}

fn main() {}
