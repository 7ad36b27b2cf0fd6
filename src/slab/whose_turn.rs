//! `WhoseTurn`: the turn of a pool's threads, and which guard has it, in memory that a fork wipes.
#![expect(unsafe_code, reason = "lies in a mapping of its own")]

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io;

use crate::sync::turn::Turn;
use crate::sys::{private, wiped};

/// A turn, and the number of the guard that had it last. All zero is a turn that nobody has had.
///
/// A copy of a guard that crosses a fork finds neither in the child: it is not the holder there, and may
/// not end a turn that is another thread's by then.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct WhoseTurn {
    pub(crate) turn: Turn,
    /// Written by the one whose turn it is. Relaxed: whoever reads the number of his own guard here has
    /// written it himself, and in this process.
    holder: AtomicU64,
}

impl WhoseTurn {
    /// Maps one. It stays until [`WhoseTurn::unmap`].
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn map() -> io::Result<&'static Self> {
        let start = wiped::map(mem::size_of::<Self>())?;
        // SAFETY: there is room for one, and all zero is one; it stays until nobody uses it any more.
        Ok(unsafe { start.cast().as_ref() })
    }

    /// # Safety
    ///
    /// It is of [`WhoseTurn::map`], and nobody uses it any more.
    pub(super) unsafe fn unmap(&'static self) {
        // SAFETY: the caller's duty, and mapped with this length.
        unsafe { private::unmap(NonNull::from(self).cast(), mem::size_of::<Self>()) };
    }

    /// Says which guard has the turn.
    #[inline]
    pub(super) fn set_holder(&self, guard: u64) {
        self.holder.store(guard, Ordering::Relaxed);
    }

    /// Whether a guard that took the turn has it still.
    #[inline]
    pub(super) fn is_held_by(&self, guard: u64) -> bool {
        self.holder.load(Ordering::Relaxed) == guard
    }
}
