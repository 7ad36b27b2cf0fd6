//! Memory that processes share: the heap, and what lives in it.

pub(crate) mod access;
pub(crate) mod containers;
pub(crate) mod heap;
pub(crate) mod report;
pub(crate) mod schema;
#[cfg(test)]
mod tests;
