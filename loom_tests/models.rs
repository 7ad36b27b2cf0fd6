//! Models of the lock, which loom explores; and the driver that runs them and their mutants.
//!
//! Built as usual this is the driver. It builds the package once more with `--cfg aquifer_loom`, and
//! then this is the models, with the sources of the lock as a module of their own.
#![cfg_attr(
    aquifer_loom,
    allow(dead_code, unreachable_pub, reason = "models use part of the lock")
)]

#[cfg(not(any(aquifer_loom, asan, aquifer_in_slab)))]
mod driver;
#[cfg(not(any(aquifer_loom, asan, aquifer_in_slab)))]
mod mutants;

#[cfg(aquifer_loom)]
mod deaths;
#[cfg(aquifer_loom)]
mod exclusion;
#[cfg(aquifer_loom)]
mod machine;
#[cfg(aquifer_loom)]
mod semaphores;
#[cfg(aquifer_loom)]
mod sync;
#[cfg(aquifer_loom)]
mod tables;
#[cfg(aquifer_loom)]
mod times;
#[cfg(aquifer_loom)]
mod turns;
