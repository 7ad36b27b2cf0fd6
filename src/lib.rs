#![doc = include_str!("../README.md")]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod error;
mod pool;
mod sys;

pub use error::{AllocError, InsertError};
pub use pool::builder::PoolBuilder;
pub use pool::cache::{CachedPool, PoolCache};
pub use pool::defer::Deferred;
pub use pool::pool::Pool;
pub use pool::scope::Scope;
pub use pool::stats::PoolStats;
