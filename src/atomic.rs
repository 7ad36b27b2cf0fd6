//! The numbers that a slab's tables consist of. `tests/slab_deaths.rs` puts others in their place, whose
//! owner dies as he stores one.
#![forbid(unsafe_code)]

pub(crate) use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};
