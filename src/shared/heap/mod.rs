//! What lies in the memory of a heap, and what is done to it.

pub(crate) mod attach_error;
pub(crate) mod attached;
pub(crate) mod blocks;
pub(crate) mod buffer_head;
mod check;
pub(crate) mod flight;
pub(crate) mod handle;
pub(crate) mod head;
pub(crate) mod heap_damage;
pub(crate) mod held;
pub(crate) mod intent;
mod mapped;
pub(crate) mod record;
pub(crate) mod record_head;
pub(crate) mod roots;
pub(crate) mod sight;
pub(crate) mod snapshot;
