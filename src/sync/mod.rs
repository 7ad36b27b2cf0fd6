//! What processes synchronise with: a semaphore, and a lock that no death can jam.

pub(crate) mod attachment;
pub(crate) mod crash_point;
pub(crate) mod guard;
pub(crate) mod join_error;
pub(crate) mod kill_safe;
pub(crate) mod lock_error;
pub(crate) mod lock_owner;
pub(crate) mod membership;
pub(crate) mod mutex;
pub(crate) mod owner;
pub(crate) mod participants;
pub(crate) mod primitives;
pub(crate) mod raw;
pub(crate) mod semaphore;
#[cfg(all(test, not(asan)))]
mod tests;
pub(crate) mod trust;
pub(crate) mod turn;
