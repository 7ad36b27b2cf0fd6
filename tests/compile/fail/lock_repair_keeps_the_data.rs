//! What a repair is lent is the lock's again when it returns.

use aquifer::OwnerDied;

fn repair(died: OwnerDied<'_, u8>) -> u8 {
    let mut kept = None;
    drop(died.recover(|number| kept = Some(number)));
    kept.map_or(0, |number| *number)
}

fn main() {}
