//! The gate: what the lock stands on is the machine's here, or a model of it under `cfg(aquifer_loom)`.

#[cfg(aquifer_loom)]
#[path = "primitives/model.rs"]
pub(crate) mod model;
#[cfg(not(aquifer_loom))]
#[path = "primitives/real.rs"]
mod real;

#[cfg(aquifer_loom)]
pub(crate) use model::{
    AtomicU32, AtomicU64, Expected, Instant, Spin, futex, heal_after, reached, settle_the_dead,
};
#[cfg(not(aquifer_loom))]
pub(crate) use real::{
    AtomicU32, AtomicU64, Expected, Instant, Spin, futex, heal_after, reached, settle_the_dead,
};

pub(crate) use core::sync::atomic::Ordering;

/// Makes a constructor `const`, except in models: loom registers each atomic as it is made.
macro_rules! const_constructor {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:tt)*) -> Self $body:block) => {
        #[cfg(not(aquifer_loom))]
        $(#[$attribute])*
        $visibility const fn $name($($argument)*) -> Self $body

        #[cfg(aquifer_loom)]
        $(#[$attribute])*
        $visibility fn $name($($argument)*) -> Self $body
    };
}
pub(crate) use const_constructor;
