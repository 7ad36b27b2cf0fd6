//! The word of a lock: free, or whose it is; and whether somebody waits.
#![forbid(unsafe_code)]

use core::fmt;

/// Who may own a lock: a slot of the table of participants, for one of its tenancies.
///
/// ```text
///  30              12  11           0
/// ┌──────────────────┬───────────────┐
/// │ generation       │ slot + 1      │    all zero is nobody
/// └──────────────────┴───────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    const SLOT_BITS: u32 = 12;
    /// The number of generations; after the last comes the first.
    const GENERATIONS: u32 = 1 << (31 - Self::SLOT_BITS);
    const BITS: u32 = u32::MAX >> 1;
    /// The largest number of slots that can be told apart.
    pub(crate) const MAX_SLOTS: u32 = (1 << Self::SLOT_BITS) - 1;

    /// Makes the owner of a slot below [`Owner::MAX_SLOTS`], in any generation.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        let generation = generation % Self::GENERATIONS;
        Self((generation << Self::SLOT_BITS) | (slot + 1))
    }

    pub(crate) const fn from_bits(bits: u32) -> Option<Self> {
        let bits = bits & Self::BITS;
        if bits == 0 { None } else { Some(Self(bits)) }
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The slot; none for bits that no owner has.
    pub(crate) const fn slot(self) -> Option<u32> {
        (self.0 & Self::MAX_SLOTS).checked_sub(1)
    }

    pub(crate) const fn generation(self) -> u32 {
        self.0 >> Self::SLOT_BITS
    }

    /// Whether the owner is of a slot's generation, of which only the low bits count.
    pub(crate) const fn is_of(self, generation: u32) -> bool {
        self.generation() == generation % Self::GENERATIONS
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot() {
            Some(slot) => write!(f, "slot {slot}, generation {}", self.generation()),
            None => write!(f, "no slot, generation {}", self.generation()),
        }
    }
}

/// What the word of a lock says.
///
/// ```text
///  63                    32  31  30                              0
/// ┌────────────────────────┬───┬──────────────────────────────────┐
/// │ thread of the owner    │ W │ owner                            │
/// └────────────────────────┴───┴──────────────────────────────────┘
/// ```
///
/// | owner | W, the WAITERS bit | state |
/// |---|---|---|
/// | nobody | no | free |
/// | alive | no | held, and who unlocks has nobody to call |
/// | alive | yes | held, and who unlocks gives a signal |
/// | dead | either | to be taken by the first who looks, who keeps WAITERS |
/// | nobody | yes | never |
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    const WAITERS: u64 = 1 << 31;
    const THREAD_SHIFT: u32 = 32;
    pub(crate) const FREE: Self = Self(0);

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The word of a lock that a thread of `owner` holds, by the number that the thread has there.
    pub(crate) const fn held_by(owner: Owner, thread: u32) -> Self {
        Self(((thread as u64) << Self::THREAD_SHIFT) | owner.bits() as u64)
    }

    pub(crate) const fn owner(self) -> Option<Owner> {
        Owner::from_bits(self.0 as u32)
    }

    /// Whether this is the word of a lock that the owner of such bits holds, and nobody waits for.
    #[inline]
    pub(crate) const fn is_of(self, owner: u32) -> bool {
        self.0 as u32 == owner
    }

    pub(crate) const fn has_waiters(self) -> bool {
        self.0 & Self::WAITERS != 0
    }

    pub(crate) const fn with_waiters(self) -> Self {
        Self(self.0 | Self::WAITERS)
    }

    /// The same with the WAITERS bit if either has it.
    pub(crate) const fn with_waiters_of(self, other: Self) -> Self {
        Self(self.0 | (other.0 & Self::WAITERS))
    }

    /// Whether both are of the same thread, with or without WAITERS.
    pub(crate) const fn has_owner_of(self, other: Self) -> bool {
        (self.0 ^ other.0) & !Self::WAITERS == 0
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner() {
            None => f.write_str("free")?,
            Some(owner) => write!(f, "held by {owner:?}, thread {}", self.0 >> Self::THREAD_SHIFT)?,
        }
        if self.has_waiters() { f.write_str(", with waiters") } else { Ok(()) }
    }
}
