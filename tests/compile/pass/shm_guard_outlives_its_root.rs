//! What is leaked stays: there is a lock for as long as there is a process.

use aquifer::{Root, ShmMutex, ShmMutexGuard};

fn keep<'a>(root: Root<ShmMutex<u8>>) -> Option<ShmMutexGuard<'a, u8>> {
    Root::leak(root).lock().ok()
}

fn main() {
    let _ = keep;
}
