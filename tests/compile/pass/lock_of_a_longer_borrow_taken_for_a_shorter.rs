//! The borrow of the lock itself may be shortened.

use aquifer::{OwnerDied, ShmMutex, ShmMutexGuard};

fn lock<'a>(mutex: &'static ShmMutex<&'static str>) -> &'a ShmMutex<&'static str> {
    mutex
}

fn guard<'a>(guard: ShmMutexGuard<'static, &'static str>) -> ShmMutexGuard<'a, &'static str> {
    guard
}

fn error<'a>(died: OwnerDied<'static, &'static str>) -> OwnerDied<'a, &'static str> {
    died
}

fn main() {
    let _ = (lock, guard, error);
}
