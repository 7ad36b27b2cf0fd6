//! Tests of what the platform offers, and the processes that tests fork.

pub(crate) mod alone;
mod backings;
mod bytes;
pub(crate) mod child;
mod drafts;
mod filter;
pub(crate) mod folder;
mod full;
pub(crate) mod left_out;
mod machine;
mod names;
pub(crate) mod patience;
mod races;
mod refusals;
mod segments;
