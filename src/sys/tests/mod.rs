//! Tests of what the platform offers, and the processes that tests fork.

pub(crate) mod alone;
mod backings;
mod bytes;
pub(crate) mod child;
mod drafts;
mod filter;
pub(crate) mod folder;
mod full;
mod machine;
mod names;
pub(crate) mod patience;
mod races;
mod refusals;
mod segments;
