//! What real processes promise that share a lock: killed, stopped, forked, and at every crash point.

mod crash_points;
mod deed;
mod dice;
mod endings;
mod forks;
mod gate;
mod handover;
mod holder;
mod last_stores;
mod ledger;
mod namespaces;
mod random_kills;
mod refusals;
mod scenes;
mod slots;
mod stage;
mod testbed;
mod threads;
mod workers;

use crate::sys::tests::{child, patience};
pub(crate) use deed::reached;
