//! How long a run measures.

/// How many turns each contender has, and how many blocks it takes in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) turns: usize,
    pub(crate) operations: usize,
}

impl Effort {
    /// For figures: about half a minute, or a whole one for heaps.
    pub(crate) const FULL: Self = Self { turns: 101, operations: 20_000 };
    /// Everything once.
    pub(crate) const SMOKE: Self = Self { turns: 1, operations: 1000 };

    pub(crate) fn is_smoke(&self) -> bool {
        self.turns == Self::SMOKE.turns
    }
}
