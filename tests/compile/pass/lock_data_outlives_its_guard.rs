//! A copy is not the lock's.

use aquifer::{LockError, ShmMutex};

fn name(mutex: &ShmMutex<String>) -> Result<String, LockError<'_, String>> {
    let guard = mutex.lock()?;
    Ok(guard.clone())
}

fn main() {
    let _ = name;
}
