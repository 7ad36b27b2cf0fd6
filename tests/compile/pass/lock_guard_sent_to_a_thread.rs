//! What the guard leads to may be lent to a thread.

use aquifer::ShmMutexGuard;

fn lend(mut guard: ShmMutexGuard<'_, u8>) {
    let data: &mut u8 = &mut guard;
    std::thread::scope(|threads| {
        threads.spawn(move || *data += 1);
    });
}

fn main() {
    let _ = lend;
}
