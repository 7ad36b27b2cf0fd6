//! A semaphore belongs to nobody.

use aquifer::ShmSemaphore;

fn main() {
    let _ = ShmSemaphore::new(0);
}
