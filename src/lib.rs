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
    attach_error::AttachError,
    backing::Backing,
    boxed::ShmBox,
    drain::{ShmVecDrain, ShmVecIntoIter},
    from_utf8_error::FromUtf8Error,
    heap::SharedHeap,
    heap_damage::HeapDamage,
    options::HeapOptions,
    report::{HeapReport, PageRun, PageUsage, ParticipantInfo},
    root::{Root, RootInfo},
    root_error::RootError,
    schema::{Schema, SchemaArgument, SchemaPart},
    shm_safe::ShmSafe,
    stats::HeapStats,
    string::ShmString,
    string_drain::ShmStringDrain,
    text_piece::TextPiece,
    try_clone::TryClone,
    vec::ShmVec,
    view::HeapView,
    view_error::ViewError,
    worker::Worker,
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
