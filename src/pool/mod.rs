//! The region allocator: values are handed out one behind the other and vanish together.

#[cfg(any(feature = "allocator-api2", feature = "allocator-api2-04", feature = "nightly"))]
mod allocator;
mod block;
pub(crate) mod builder;
mod bump;
pub(crate) mod cache;
mod cleanup;
pub(crate) mod defer;
mod freed;
mod growing;
mod large;
mod piece;
#[expect(clippy::module_inception, reason = "the room of `Pool` in the folder of pools")]
pub(crate) mod pool;
mod reserve;
pub(crate) mod scope;
mod settings;
mod share;
pub(crate) mod stats;
mod supply;
mod values;
