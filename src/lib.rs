#![doc = include_str!("../README.md")]
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![cfg_attr(aquifer_loom, allow(dead_code, reason = "the models have the lock for themselves"))]

mod allocator;
mod atomic;
mod error;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
mod geometry;
mod nowhere;
mod pool;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
mod region;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
mod shared;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
mod slab;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
mod sync;
mod sys;

#[cfg(all(feature = "derive", target_os = "linux", target_has_atomic = "64"))]
pub use aquifer_derive::{KillSafe, ShmSafe};
pub use error::{AllocError, InsertError};
pub use pool::builder::PoolBuilder;
pub use pool::cache::{CachedPool, PoolCache};
pub use pool::defer::Deferred;
pub use pool::pool::Pool;
pub use pool::scope::Scope;
pub use pool::stats::PoolStats;
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
pub use shared::{
    access::backing::Backing,
    access::options::HeapOptions,
    access::root::{Root, RootInfo},
    access::root_error::RootError,
    access::shared_heap::SharedHeap,
    access::worker::Worker,
    containers::boxed::ShmBox,
    containers::drain::{ShmVecDrain, ShmVecIntoIter},
    containers::from_utf8_error::FromUtf8Error,
    containers::string::ShmString,
    containers::string_drain::ShmStringDrain,
    containers::text_piece::TextPiece,
    containers::try_clone::TryClone,
    containers::vec::ShmVec,
    heap::attach_error::AttachError,
    heap::heap_damage::HeapDamage,
    report::report::{HeapReport, PageRun, PageUsage, ParticipantInfo},
    report::stats::HeapStats,
    report::view::HeapView,
    report::view_error::ViewError,
    schema::schema::{Schema, SchemaArgument, SchemaPart},
    schema::shm_safe::ShmSafe,
};
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
pub use slab::{
    damage::SlabDamage,
    guard::SlabGuard,
    pool::SlabPool,
    region_error::RegionError,
    stats::{ClassStats, SlabStats},
};
#[cfg(all(target_os = "linux", target_has_atomic = "64", not(aquifer_loom)))]
pub use sync::{
    guard::ShmMutexGuard,
    join_error::JoinError,
    kill_safe::KillSafe,
    lock_error::{LockError, OwnerDied, Panicked},
    lock_owner::LockOwner,
    mutex::ShmMutex,
    semaphore::{CountOverflow, ShmSemaphore},
};
