//! `Mistake`: memory that somebody gives back, or resizes, and does not have.
#![forbid(unsafe_code)]

use core::alloc::Layout;
use core::ptr::NonNull;

use super::slab::Misuse;
use crate::sys::last_words;

/// Memory that cannot be given back.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) memory: NonNull<u8>,
    pub(crate) layout: Layout,
    pub(crate) misuse: Misuse,
}

impl Mistake {
    /// Ends the process. Who is told of that may use the pool, so it must be nobody's turn.
    #[cold]
    pub(crate) fn abort(self) -> ! {
        let what = match self.misuse {
            Misuse::Outside => "it is not of this pool",
            Misuse::NoBlock => "no block of this pool begins there",
            Misuse::Freed => "it was given back before",
        };
        let (bytes, memory) = (self.layout.size(), self.memory);
        last_words::abort(format_args!("{bytes} bytes at {memory:p} cannot be given back: {what}"))
    }
}
