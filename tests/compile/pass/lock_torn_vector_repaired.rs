//! An array holds its bytes, whatever they are.

use aquifer::OwnerDied;

fn repair(died: OwnerDied<'_, [u8; 64]>) {
    drop(died.recover(|bytes| bytes.fill(0)));
}

fn main() {
    let _ = repair;
}
