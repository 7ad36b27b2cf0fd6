//! The word is given by `unsafe`, or by the derive.

struct Shelf(u32);

// SAFETY: it is a number, and no unsafe code relies on which.
unsafe impl aquifer::KillSafe for Shelf {}

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Shelf>();
}
