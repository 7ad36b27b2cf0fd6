//! A dead owner may have left anything, which nobody may look at.

use aquifer::OwnerDied;

fn look(died: OwnerDied<'_, String>) -> usize {
    (*died).len()
}

fn main() {}
