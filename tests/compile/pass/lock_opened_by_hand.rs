//! What a lock protects is reached with the lock held.

use aquifer::ShmMutex;

fn open(mutex: ShmMutex<u8>) {
    let _ = mutex.lock().map(|guard| *guard);
}

fn main() {
    open(ShmMutex::new(0));
}
