//! The region allocator: values are handed out one behind the other and vanish together.

#[cfg(any(feature = "allocator-api2", feature = "allocator-api2-04", feature = "nightly"))]
mod allocator;
mod block;
pub(crate) mod builder;
pub(crate) mod cache;
pub(crate) mod cleanup;
mod freed;
mod growing;
mod large;
#[expect(clippy::module_inception, reason = "the room of `Pool` in the folder of pools")]
pub(crate) mod pool;
mod raw;
pub(crate) mod scope;
pub(crate) mod stats;
mod supply;
mod values;
