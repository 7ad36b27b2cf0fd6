//! How long a run measures.

use std::time::Duration;

/// How often each contender has its turn, and how long it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) uncontended_turns: usize,
    pub(crate) uncontended_turn: Duration,
    /// Of which the half counts: that in which other programs ran the least.
    pub(crate) contended_turns: usize,
    pub(crate) contended_turn: Duration,
    pub(crate) death_turns: usize,
    pub(crate) deaths_a_turn: u32,
}

impl Effort {
    /// For figures: about a minute.
    pub(crate) const FULL: Self = Self {
        uncontended_turns: 101,
        uncontended_turn: Duration::from_millis(1),
        contended_turns: 14,
        contended_turn: Duration::from_millis(150),
        death_turns: 10,
        deaths_a_turn: 20,
    };

    /// Everything once: a second.
    pub(crate) const SMOKE: Self = Self {
        uncontended_turns: 1,
        uncontended_turn: Duration::from_micros(100),
        contended_turns: 1,
        contended_turn: Duration::from_millis(5),
        death_turns: 1,
        deaths_a_turn: 3,
    };
}
