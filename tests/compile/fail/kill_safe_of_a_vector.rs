//! A vector is an address, a capacity and a length: a kill may leave them half replaced.

#[derive(aquifer::KillSafe)]
struct Journal {
    entries: Vec<u64>,
}

fn main() {}
