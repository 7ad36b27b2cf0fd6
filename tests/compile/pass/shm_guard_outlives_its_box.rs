//! First the guard goes, and then the box.

use aquifer::{ShmBox, ShmMutex};

fn use_in_time(mutex: ShmBox<ShmMutex<u8>>) -> u8 {
    let guard = mutex.lock().unwrap();
    let number = *guard;
    drop(guard);
    drop(mutex);
    number
}

fn main() {
    let _ = use_in_time;
}
