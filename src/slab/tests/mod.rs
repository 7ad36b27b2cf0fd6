//! Tests of the slab's core, which works on numbers.

mod damages;
mod hostile;
mod oracle;
mod recover;
mod tables;

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod fixed_tables;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod layout;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
pub(crate) mod one_processor;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod operation;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod owner;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod phase;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod recovery;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod scenes;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod steps;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
pub(crate) mod tracer;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod walk;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(asan)))]
mod wrong_steps;
