//! What a lock protects is reached with the lock held, and in no other way.

use aquifer::ShmMutex;

fn open(mutex: ShmMutex<u8>) {
    let _ = mutex.data;
}

fn main() {
    open(ShmMutex::new(0));
}
