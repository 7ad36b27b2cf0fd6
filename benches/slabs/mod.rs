//! What the benchmark of slab pools is made of.

pub(crate) mod cases;
pub(crate) mod client;
pub(crate) mod demand;
pub(crate) mod effort;
#[path = "../locks/figures.rs"]
#[allow(dead_code, reason = "the locks need more of it")]
pub(crate) mod figures;
pub(crate) mod filling;
pub(crate) mod peers;
pub(crate) mod random;
pub(crate) mod refusal;
pub(crate) mod timing;
