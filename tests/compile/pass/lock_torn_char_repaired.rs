//! It can be replaced, without a look at the old one.

use aquifer::OwnerDied;

fn repair(died: OwnerDied<'_, char>) {
    drop(died.replace('a'));
}

fn main() {
    let _ = repair;
}
