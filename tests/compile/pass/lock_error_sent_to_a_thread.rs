//! The text of an error may go anywhere.

use aquifer::OwnerDied;

fn give_away(died: OwnerDied<'_, u8>) {
    let text = format!("{died:?}");
    std::thread::scope(|threads| {
        threads.spawn(move || drop(text));
    });
}

fn main() {
    let _ = give_away;
}
