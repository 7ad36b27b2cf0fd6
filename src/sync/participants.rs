//! The table of participants: who shares a piece of memory, and who of them is alive.
#![forbid(unsafe_code)]

use super::crash_point::crash_point;
use super::owner::Owner;
use super::primitives::{AtomicU32, Expected, Ordering, futex};

/// The front of the table, in shared memory. All zero is a table that is not ready.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Header {
    /// The number of slots once the table is ready; 0 before.
    capacity: AtomicU32,
    /// How many have asked for a slot: where the search for the next begins, and who is who.
    tickets: AtomicU32,
}

/// The place of one process, in shared memory. All zero is free.
#[repr(C, align(32))]
#[derive(Default, Debug)]
pub(crate) struct Slot {
    /// | value | state |
    /// |---|---|
    /// | 0 | free |
    /// | `STAKED`, a ticket | a process is moving in, and owns nothing yet |
    /// | a thread's number | its keeper lives; the kernel's `SLEEPERS` bit may be set |
    /// | `OWNER_DIED` | its keeper died; the `SLEEPERS` bit may be set |
    liveness: AtomicU32,
    /// Counts the tenancies of the slot; written by who has staked it out.
    generation: AtomicU32,
    /// For people to read: the process's number in its own pid namespace.
    pid: AtomicU32,
    /// For people to read: when the process started, in seconds since 1970.
    start_seconds: AtomicU32,
}

/// The kernel's bits of a word on a robust list.
pub(crate) const SLEEPERS: u32 = 1 << 31;
/// See [`SLEEPERS`].
pub(crate) const OWNER_DIED: u32 = 1 << 30;
/// A bit that no thread's number has: they are below 2^22.
const STAKED: u32 = 1 << 29;

/// A table, as one process sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Participants<'a> {
    header: &'a Header,
    slots: &'a [Slot],
}

/// A slot that is staked out, on the way to being its process's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stake {
    index: u32,
    generation: u32,
    value: u32,
}

/// What a slot tells people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) start_seconds: u32,
}

/// A slot that is not free, as people see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    pub(crate) owner: Owner,
    pub(crate) process: Process,
    pub(crate) life: Life,
}

/// What is known of the life of a participant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    MovingIn,
    Alive,
    Dead,
}

impl Header {
    /// Makes the table ready for those who look it up with [`Header::capacity`]: what was written
    /// before is theirs to see.
    pub(crate) fn publish(&self, capacity: u32) {
        self.capacity.store(capacity, Ordering::Release);
    }

    /// Returns how many slots the table has, if it is ready.
    pub(crate) fn capacity(&self) -> Option<u32> {
        Some(self.capacity.load(Ordering::Acquire)).filter(|&capacity| capacity > 0)
    }
}

impl<'a> Participants<'a> {
    /// The table of a header and its slots, of which [`Owner::MAX_SLOTS`] count at most.
    pub(crate) fn new(header: &'a Header, slots: &'a [Slot]) -> Self {
        let count = slots.len().min(Owner::MAX_SLOTS as usize);
        Self { header, slots: &slots[..count] }
    }

    /// How many slots there are.
    pub(crate) fn capacity(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Stakes out a free slot and begins a new tenancy of it; `None` if no slot is free.
    ///
    /// The search begins elsewhere each time, so that a generation comes again late.
    pub(crate) fn stake(&self) -> Option<Stake> {
        // Tickets only have to differ among those who move in at the same time.
        let ticket = self.header.tickets.fetch_add(1, Ordering::Relaxed);
        let value = STAKED | (ticket % STAKED);
        let capacity = self.capacity();
        (0..capacity)
            .map(|step| (ticket % capacity + step) % capacity)
            .find_map(|index| self.stake_out(index, value))
    }

    fn stake_out(&self, index: u32, value: u32) -> Option<Stake> {
        let slot = self.slot(index)?;
        while slot.liveness.load(Ordering::Relaxed) == 0 {
            // Read before the stake stands: if that is taken for a dead one's and the slot is let
            // meanwhile, the generation is another, and stays as it is.
            let before = slot.generation.load(Ordering::Relaxed);
            // Acquire, and then Release: who sees the new generation sees that the tenant before died,
            // and all that he has written.
            if !exchange(&slot.liveness, 0, value, Ordering::Acquire) {
                return None;
            }
            crash_point!(SlotStaked);
            let generation = before.wrapping_add(1);
            let raised = exchange(&slot.generation, before, generation, Ordering::Release);
            crash_point!(GenerationRaised);
            let stake = Stake { index, generation, value };
            if raised {
                return Some(stake);
            }
            // Somebody has come and gone since it was read.
            self.remove(stake);
        }
        None
    }

    /// The word by which others see whether the process lives: the keeper is to register it.
    pub(crate) fn liveness(&self, stake: Stake) -> Option<&'a AtomicU32> {
        self.slot(stake.index).map(|slot| &slot.liveness)
    }

    /// Moves in: from now on the process is alive for others as long as the thread `keeper` is.
    /// `None` if the stake was taken for a dead one's meanwhile.
    pub(crate) fn settle_in(&self, stake: Stake, keeper: u32, process: Process) -> Option<Owner> {
        let slot = self.slot(stake.index)?;
        // Release: who sees the keeper sees the generation.
        if !exchange(&slot.liveness, stake.value, keeper, Ordering::Release) {
            return None;
        }
        slot.pid.store(process.pid, Ordering::Relaxed);
        slot.start_seconds.store(process.start_seconds, Ordering::Relaxed);
        crash_point!(Joined);
        Some(Owner::new(stake.index, stake.generation))
    }

    /// Returns the word to sleep at while `owner` lives; `None` if it is dead.
    ///
    /// What the dead have written is there to be seen by who is told so.
    pub(crate) fn watch(&self, owner: Owner) -> Option<Expected<'a>> {
        let slot = self.slot(owner.slot()?)?;
        loop {
            // Acquire: if the keeper is that of a later tenant, the generation is his, too.
            let seen = slot.liveness.load(Ordering::Acquire);
            if !is_alive(seen) || !owner.is_of(slot.generation.load(Ordering::Acquire)) {
                return None;
            }
            // Only if the bit is set does the kernel wake anybody when the keeper dies.
            let value = seen | SLEEPERS;
            if seen == value || exchange(&slot.liveness, seen, value, Ordering::Relaxed) {
                return Some(Expected { word: &slot.liveness, value });
            }
        }
    }

    /// Returns whether `owner` is alive; if not, what it has written is there to be seen.
    pub(crate) fn is_alive(&self, owner: Owner) -> bool {
        owner.slot().and_then(|slot| self.slot(slot)).is_some_and(|slot| {
            let seen = slot.liveness.load(Ordering::Acquire);
            is_alive(seen) && owner.is_of(slot.generation.load(Ordering::Acquire))
        })
    }

    /// Wakes all who sleep at the word of a dead owner: the kernel has woken only one of them.
    pub(crate) fn announce_death(&self, owner: Owner) {
        if let Some(slot) = owner.slot().and_then(|slot| self.slot(slot)) {
            announce_death(slot);
        }
    }

    /// Frees the slots of the dead; returns how many.
    pub(crate) fn reap(&self) -> usize {
        let dead = self.slots.iter().filter(|slot| {
            announce_death(slot);
            // Nothing is published. Who reads what follows here acquires the death all the same: it
            // heads a sequence of exchanges.
            exchange(&slot.liveness, OWNER_DIED, 0, Ordering::Relaxed)
        });
        dead.count()
    }

    /// The stakes of those who are moving in, or died while they did.
    pub(crate) fn stakes(&self) -> Vec<Stake> {
        let stakes = (0..).zip(self.slots).filter_map(|(index, slot)| {
            let value = slot.liveness.load(Ordering::Relaxed);
            let generation = slot.generation.load(Ordering::Relaxed);
            (value & STAKED != 0).then_some(Stake { index, generation, value })
        });
        stakes.collect()
    }

    /// Frees a slot whose stake is a dead one's; returns whether the stake was still there.
    pub(crate) fn remove(&self, stake: Stake) -> bool {
        let slot = self.slot(stake.index);
        slot.is_some_and(|slot| exchange(&slot.liveness, stake.value, 0, Ordering::Relaxed))
    }

    /// What the slot of `owner` tells people, if it is still its slot.
    pub(crate) fn process(&self, owner: Owner) -> Option<Process> {
        let slot = self.slot(owner.slot()?)?;
        let process = Process {
            pid: slot.pid.load(Ordering::Relaxed),
            start_seconds: slot.start_seconds.load(Ordering::Relaxed),
        };
        owner.is_of(slot.generation.load(Ordering::Relaxed)).then_some(process)
    }

    /// What the slots tell that are not free.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = Tenant> + use<'a> {
        (0..).zip(self.slots).filter_map(|(index, slot)| {
            // Acquire: who sees the keeper sees the generation.
            let life = match slot.liveness.load(Ordering::Acquire) {
                0 => return None,
                liveness if is_alive(liveness) => Life::Alive,
                liveness if liveness & STAKED != 0 => Life::MovingIn,
                _ => Life::Dead,
            };
            let process = Process {
                pid: slot.pid.load(Ordering::Relaxed),
                start_seconds: slot.start_seconds.load(Ordering::Relaxed),
            };
            let owner = Owner::new(index, slot.generation.load(Ordering::Relaxed));
            Some(Tenant { owner, process, life })
        })
    }

    /// The first slot whose word has none of its states.
    pub(crate) fn first_implausible(&self) -> Option<u32> {
        /// The kernel's threads have smaller numbers.
        const THREADS: u32 = 1 << 22;
        let is_plausible = |liveness: u32| match liveness & !SLEEPERS {
            0 => liveness == 0,
            OWNER_DIED | 1..THREADS => true,
            stake => stake >> STAKED.trailing_zeros() == 1 && liveness == stake,
        };
        let mut slots = (0..).zip(self.slots);
        slots
            .find(|(_, slot)| !is_plausible(slot.liveness.load(Ordering::Relaxed)))
            .map(|(index, _)| index)
    }

    fn slot(&self, index: u32) -> Option<&'a Slot> {
        self.slots.get(index as usize)
    }
}

/// Clears the bit first, so that of many who look only one makes the call.
fn announce_death(slot: &Slot) {
    if exchange(&slot.liveness, OWNER_DIED | SLEEPERS, OWNER_DIED, Ordering::Relaxed) {
        crash_point!(DeathAnnounced);
        futex::wake(&slot.liveness, i32::MAX);
    }
}

fn is_alive(liveness: u32) -> bool {
    let keeper = liveness & !SLEEPERS;
    keeper != 0 && keeper < STAKED
}

fn exchange(word: &AtomicU32, from: u32, to: u32, success: Ordering) -> bool {
    word.compare_exchange(from, to, success, Ordering::Relaxed).is_ok()
}
