//! The rooms of the lock that models explore, from the sources themselves.

#[path = "../src/sync/crash_point.rs"]
pub(crate) mod crash_point;
#[path = "../src/sync/owner.rs"]
pub(crate) mod owner;
#[path = "../src/sync/participants.rs"]
pub(crate) mod participants;
#[path = "../src/sync/primitives.rs"]
pub(crate) mod primitives;
#[path = "../src/sync/raw.rs"]
pub(crate) mod raw;
#[path = "../src/sync/semaphore.rs"]
pub(crate) mod semaphore;
#[path = "../src/sync/trust.rs"]
pub(crate) mod trust;
#[path = "../src/sync/turn.rs"]
pub(crate) mod turn;
