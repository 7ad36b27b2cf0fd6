//! A lock belongs to a heap, whose participants are its owners.

use aquifer::ShmMutex;

fn main() {
    let _ = ShmMutex::new(0_u8);
    let _ = ShmMutex::<u8>::default();
}

fn open(mutex: ShmMutex<u8>) {
    let _ = mutex.data;
}
