//! The fields stand beside the enum: whatever is mixed, each of them is valid by itself.

#[derive(aquifer::KillSafe)]
#[repr(u8)]
enum State {
    Idle,
    Copy {},
    Move(),
}

#[derive(aquifer::KillSafe)]
struct Job {
    state: State,
    from: u32,
    to: u32,
}

fn sure<T: aquifer::KillSafe>() {}

fn main() {
    sure::<Job>();
}
