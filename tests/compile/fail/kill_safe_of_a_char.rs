//! Half of one character and half of another may be a surrogate, which is no `char`.

#[derive(aquifer::KillSafe)]
struct Key(u32, char);

fn main() {}
