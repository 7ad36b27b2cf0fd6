//! What the benchmark of shared heaps is made of.

pub(crate) mod boxes;
pub(crate) mod crowd;
pub(crate) mod finding;
pub(crate) mod mapped;
pub(crate) mod pairs;
pub(crate) mod reading;
pub(crate) mod recovery;
