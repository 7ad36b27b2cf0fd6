//! What replaces it may be looked at.

use aquifer::OwnerDied;

fn look(died: OwnerDied<'_, String>) -> usize {
    (*died.replace(String::new())).len()
}

fn main() {
    let _ = look;
}
