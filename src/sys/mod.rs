//! What the platform offers: the one floor that knows of targets and foreign functions.

pub(crate) mod shadow;

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod bare_thread;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod birth;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod clock;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod draft;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod file;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod fork;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod futex;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod keeper;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod last_words;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod machine;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod mapping;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod place;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod private;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod process;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod refused;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
mod segment;
#[cfg(all(test, target_os = "linux", target_has_atomic = "64", not(asan)))]
pub(crate) mod tests;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod trusted;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod wiped;
