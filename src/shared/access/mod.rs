//! How a program comes to a heap, and to what it has put there.

#[cfg(any(feature = "allocator-api2", feature = "allocator-api2-04", feature = "nightly"))]
mod allocator;
pub(crate) mod backing;
mod droppers;
mod layouts;
pub(crate) mod options;
mod removal;
pub(crate) mod root;
pub(crate) mod root_error;
pub(crate) mod shared_heap;
pub(crate) mod worker;
