//! Regions of several crates, and the work that they are compared by.
#![allow(dead_code, reason = "each bench uses a part")]

pub(crate) mod contest;
pub(crate) mod peers;
pub(crate) mod workloads;
