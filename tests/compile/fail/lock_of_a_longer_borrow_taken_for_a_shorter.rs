//! Through the one lock a short-lived text would be put where the other finds a long-lived one.

use aquifer::{OwnerDied, ShmMutex, ShmMutexGuard};

fn lock<'a>(mutex: &'a ShmMutex<&'static str>) -> &'a ShmMutex<&'a str> {
    mutex
}

fn guard<'a>(guard: ShmMutexGuard<'a, &'static str>) -> ShmMutexGuard<'a, &'a str> {
    guard
}

fn error<'a>(died: OwnerDied<'a, &'static str>) -> OwnerDied<'a, &'a str> {
    died
}

fn main() {}
