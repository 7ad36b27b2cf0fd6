//! `Flight`: a block on its way, which is filled while its owner does not hold the lock of the heap.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::slab::slab::Slab;
use crate::sync::owner::Owner;
use crate::sys::process::settle_the_dead;

/// Who fills which block: if he dies, others give it back. All zero is nobody.
///
/// ```text
/// with the lock     take: pending ──▶ begin ──▶ no more pending
/// without it        filled, be it for long
/// with the lock     pending ──▶ end ──▶ the block finds its owner ──▶ no more pending
/// ```
///
/// So from the first store to the last the block is pending, or in flight, or both.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Flight {
    /// The bits of the [`Owner`].
    owner: AtomicU64,
    /// The slab's offset of the block, and 1; 0 if there is none, whatever the owner is.
    block: AtomicU64,
}

impl Flight {
    /// How many a heap has: where there are more copies at a time, they are made under the lock.
    pub(crate) const COUNT: usize = 16;

    /// Release, as in the slab: a process that dies has stored what comes before, and nothing of what
    /// comes after.
    pub(crate) fn begin(&self, owner: Owner, block: usize) {
        self.owner.store(owner.bits().into(), Ordering::Release);
        self.block.store((block as u64).wrapping_add(1), Ordering::Release);
    }

    pub(super) fn end(&self) {
        self.block.store(0, Ordering::Release);
    }

    pub(crate) fn block(&self) -> Option<usize> {
        self.block.load(Ordering::Relaxed).checked_sub(1).map(|block| block as usize)
    }

    fn owner(&self) -> Option<Owner> {
        Owner::from_bits(self.owner.load(Ordering::Relaxed) as u32)
    }
}

/// Those whose owners have died.
pub(super) fn lost(
    flights: &[Flight],
    is_alive: impl Fn(Owner) -> bool,
) -> impl Iterator<Item = &Flight> {
    let is_lost =
        move |flight: &&Flight| flight.block().is_some() && !flight.owner().is_some_and(&is_alive);
    flights.iter().filter(is_lost)
}

/// Gives back the blocks that are on their way to nobody; returns whether there were any.
pub(super) fn free_lost(
    flights: &[Flight],
    is_alive: impl Fn(Owner) -> bool,
    slab: &Slab<'_>,
) -> bool {
    let mut has_lost = false;
    for flight in lost(flights, is_alive) {
        has_lost = true;
        // A thread of the dead owner may still be about to store something.
        settle_the_dead();
        // Who has died while he did this may have freed it already, and nobody can have taken it since.
        let _ = flight.block().map(|block| slab.free(block));
        flight.end();
    }
    has_lost
}
