//! `LockOwner`: who holds a lock, for people to read.
#![forbid(unsafe_code)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::participants::Process;

/// Who holds a lock: a process by its number and start, for people who look for the cause of a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LockOwner {
    /// Its process id, in its own pid namespace.
    pub pid: u32,
    /// When it started, by the second; `None` where `/proc` did not tell.
    pub started: Option<SystemTime>,
    /// Whether it is alive. If not, the next who locks gets [`LockError::OwnerDied`].
    ///
    /// [`LockError::OwnerDied`]: crate::LockError::OwnerDied
    pub is_alive: bool,
}

impl LockOwner {
    pub(crate) fn new(process: Process, is_alive: bool) -> Self {
        let Process { pid, start_seconds } = process;
        let since = Duration::from_secs(start_seconds.into());
        Self { pid, started: (start_seconds > 0).then(|| UNIX_EPOCH + since), is_alive }
    }
}
