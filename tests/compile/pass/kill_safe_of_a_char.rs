//! The number of a character may be any number; whoever reads it finds out whether it is one.

#[derive(aquifer::KillSafe)]
struct Key(u32, u32);

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Key>();
}
