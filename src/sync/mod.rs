//! What processes synchronise with: a semaphore, and a lock that no death can jam.

pub(crate) mod crash_point;
pub(crate) mod heap_id;
pub(crate) mod kill_safe;
pub(crate) mod owner;
pub(crate) mod participants;
pub(crate) mod primitives;
pub(crate) mod raw;
pub(crate) mod semaphore;

#[cfg(not(aquifer_loom))]
pub(crate) mod lock_error;
#[cfg(not(aquifer_loom))]
pub(crate) mod lock_owner;
#[cfg(not(aquifer_loom))]
pub(crate) mod membership;
#[cfg(not(aquifer_loom))]
pub(crate) mod mutex;
#[cfg(not(aquifer_loom))]
#[doc(hidden)]
pub mod testbed;
#[cfg(all(test, not(any(aquifer_loom, asan))))]
mod tests;
