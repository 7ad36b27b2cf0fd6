//! Tests of what needs to be looked at from inside.

#[cfg(all(target_arch = "x86_64", not(asan), feature = "allocator-api2"))]
mod allocator_steps;
#[cfg(not(asan))]
mod astray;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod attach_steps;
#[cfg(not(asan))]
mod bases;
#[cfg(not(asan))]
mod blow;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod box_steps;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod deaths;
mod errors;
#[cfg(not(asan))]
mod fingerprint;
#[cfg(not(asan))]
mod flights;
#[cfg(not(asan))]
mod flips;
mod handle;
#[cfg(not(asan))]
mod hostile;
mod hostile_lists;
#[cfg(not(asan))]
mod kept;
#[cfg(not(asan))]
mod kills;
#[cfg(not(asan))]
mod lists;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod lock_steps;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod name_steps;
#[cfg(feature = "allocator-api2")]
mod overlaps;
#[cfg(not(asan))]
mod risks;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod root_steps;
mod schema;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod stage;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod steps;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod takeovers;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod text_steps;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod tour;
#[cfg(all(target_arch = "x86_64", not(asan)))]
mod troupe;
mod unwinding;
#[cfg(not(asan))]
mod whole;
