//! The allocator of a fixed region: pages and size classes, on numbers and offsets; and pools made of it.

mod allocator;
pub(crate) mod bins;
pub(crate) mod blocks;
pub(crate) mod check;
pub(crate) mod damage;
pub(crate) mod free_runs;
pub(crate) mod front;
mod global;
pub(crate) mod guard;
pub(crate) mod header;
pub(crate) mod in_turn;
pub(crate) mod journal;
mod lazy_front;
pub(crate) mod list;
pub(crate) mod mistake;
pub(crate) mod page;
pub(crate) mod pool;
pub(crate) mod recover;
pub(crate) mod region_error;
pub(crate) mod resize;
#[expect(clippy::module_inception, reason = "the room of `Slab` in the folder of slabs")]
pub(crate) mod slab;
pub(crate) mod stats;
pub(crate) mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod whose_turn;
