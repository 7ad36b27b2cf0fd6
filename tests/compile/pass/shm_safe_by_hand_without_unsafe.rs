//! The word is given by `unsafe`, or by the derive.

use aquifer::{Schema, ShmSafe};

#[repr(transparent)]
struct Shelf(u32);

// SAFETY: it is a number, and no unsafe code relies on which.
unsafe impl ShmSafe for Shelf {
    const SCHEMA: Schema = Schema::new::<Self>("Shelf");
}

fn sure<T: ShmSafe>() {}

fn main() {
    sure::<Shelf>();
}
