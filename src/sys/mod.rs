//! What the platform offers: the one floor that knows of targets and foreign functions.

pub(crate) mod shadow;

#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod bare_thread;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod clock;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod futex;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod keeper;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod last_words;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod mapping;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod private;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod process;
#[cfg(all(target_os = "linux", target_has_atomic = "64"))]
pub(crate) mod wiped;
