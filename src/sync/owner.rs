//! The word of a lock: free, or whose it is; and whether somebody waits.
#![forbid(unsafe_code)]

use core::fmt;

/// Who may own a lock: a slot of the table of participants, for one of its tenancies.
///
/// ```text
///  31  30              12  11           0
/// ┌───┬──────────────────┬───────────────┐
/// │ W │ generation       │ slot + 1      │
/// └───┴──────────────────┴───────────────┘
///   W is no part of an owner; all zero is nobody.
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(u32);

impl Owner {
    const SLOT_BITS: u32 = 12;
    /// The number of generations; after the last comes the first.
    const GENERATIONS: u32 = 1 << (31 - Self::SLOT_BITS);
    /// The largest number of slots that can be told apart.
    pub(crate) const MAX_SLOTS: u32 = (1 << Self::SLOT_BITS) - 1;

    /// Makes the owner of a slot below [`Owner::MAX_SLOTS`], in any generation.
    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        let generation = generation % Self::GENERATIONS;
        Self((generation << Self::SLOT_BITS) | (slot + 1))
    }

    pub(crate) const fn from_bits(bits: u32) -> Option<Self> {
        let bits = bits & !Word::WAITERS;
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
/// | owner | WAITERS | state |
/// |---|---|---|
/// | nobody | no | free |
/// | alive | no | held, and who unlocks has nobody to call |
/// | alive | yes | held, and who unlocks gives a signal |
/// | dead | either | to be taken by the first who looks, who keeps WAITERS |
/// | nobody | yes | never |
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u32);

impl Word {
    pub(crate) const WAITERS: u32 = 1 << 31;
    pub(crate) const FREE: Self = Self(0);

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    pub(crate) const fn held_by(owner: Owner) -> Self {
        Self(owner.bits())
    }

    pub(crate) const fn owner(self) -> Option<Owner> {
        Owner::from_bits(self.0)
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
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner() {
            None => f.write_str("free")?,
            Some(owner) => write!(f, "held by {owner:?}")?,
        }
        if self.has_waiters() { f.write_str(", with waiters") } else { Ok(()) }
    }
}
