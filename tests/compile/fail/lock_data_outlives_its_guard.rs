//! When the guard is dropped, the data is the next one's.

use aquifer::{LockError, ShmMutex};

fn name(mutex: &ShmMutex<String>) -> Result<&str, LockError<'_, String>> {
    let guard = mutex.lock()?;
    Ok(guard.as_str())
}

fn main() {}
