//! Regions of several crates, and the work that they are compared by.

pub(crate) mod peers;
pub(crate) mod workloads;
