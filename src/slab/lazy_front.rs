//! The front of a pool that is mapped when it is first used.
#![expect(unsafe_code, reason = "follows the address of a mapping, and unmaps it")]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};
use std::io;

use super::front::Front;
use crate::sync::primitives::Spin;

/// The memory of a pool of a fixed size, or a place for it.
#[derive(Debug)]
pub(super) struct LazyFront {
    /// How many are mapped: at least [`Front::MIN_BYTES`].
    bytes: usize,
    /// Null until the memory is mapped; from then on of [`Front::map`], and the same until this is dropped.
    front: AtomicPtr<Front>,
}

impl LazyFront {
    /// Maps nothing yet.
    pub(super) const fn new(bytes: usize) -> Self {
        Self { bytes, front: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Maps the memory at once.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn map_now(bytes: usize) -> io::Result<Self> {
        let front = Front::map(bytes)?;
        Spin::count_processors();
        Ok(Self { bytes, front: AtomicPtr::new(front.as_ptr()) })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The front, if it is mapped.
    #[inline]
    pub(super) fn get(&self) -> Option<&Front> {
        let front = self.front.load(Ordering::Acquire);
        // SAFETY: `map_now` or `get_or_map` has stored it, and it stays until this is dropped.
        unsafe { front.as_ref() }
    }

    /// The front, which is mapped if need be; none if the system has no memory.
    pub(super) fn get_or_map(&self) -> Option<&Front> {
        self.get().or_else(|| self.map())
    }

    fn map(&self) -> Option<&Front> {
        let front = Front::map(self.bytes).ok()?;
        Spin::count_processors();
        let stored = self.front.compare_exchange(
            ptr::null_mut(),
            front.as_ptr(),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        let front = stored.map_or_else(
            |first| {
                // SAFETY: mapped above, and nobody knows of it.
                unsafe { Front::unmap(front) };
                first
            },
            |_| front.as_ptr(),
        );
        // SAFETY: stored by this call or by the one that was first; it stays until this is dropped.
        unsafe { front.as_ref() }
    }
}

impl Drop for LazyFront {
    fn drop(&mut self) {
        if let Some(front) = NonNull::new(*self.front.get_mut()) {
            // SAFETY: of `Front::map`; whoever uses it has borrowed this.
            unsafe { Front::unmap(front) };
        }
    }
}
