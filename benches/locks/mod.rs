//! Locks of several kinds, and what they are compared by.
#![allow(dead_code, reason = "each bench uses a part")]

pub(crate) mod clock;
pub(crate) mod contest;
pub(crate) mod crew;
pub(crate) mod death;
pub(crate) mod effort;
pub(crate) mod figures;
pub(crate) mod goals;
pub(crate) mod histogram;
pub(crate) mod others;
pub(crate) mod peers;
pub(crate) mod process;
pub(crate) mod pthread;
pub(crate) mod shared;
pub(crate) mod uncontended;
pub(crate) mod work;
