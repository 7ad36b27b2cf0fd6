//! Half of one character and half of another may be none.

use aquifer::OwnerDied;

fn repair(died: OwnerDied<'_, char>) {
    drop(died.recover(|letter| *letter = 'a'));
}

fn main() {}
