//! What the allocators are asked for.

use super::random::Random;

/// How blocks come and go, and what is wanted of the pool then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The blocks that are there all the time.
    pub(crate) live: usize,
    pub(crate) sizes: Sizes,
    /// The bound of the ratio to talc with a lock.
    pub(crate) of_talc: f64,
}

/// The sizes of blocks, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sizes {
    All(usize),
    /// Each as often as any other, from 8 to 2048.
    Uniform,
    /// Each doubling as often as any other, from 8 to 2048.
    LogUniform,
}

pub(crate) const CASES: &[Case] = &[
    // Of one live block another page's worth would not matter: it keeps the page.
    Case { name: "pair of 64 B", live: 0, sizes: Sizes::All(64), of_talc: 0.75 },
    Case { name: "10,000 live, 64 B", live: 10_000, sizes: Sizes::All(64), of_talc: 1.0 },
    Case { name: "10,000 live, uniform", live: 10_000, sizes: Sizes::Uniform, of_talc: 1.0 },
    Case { name: "10,000 live, log-uniform", live: 10_000, sizes: Sizes::LogUniform, of_talc: 1.0 },
    Case { name: "pair of 8 KiB", live: 0, sizes: Sizes::All(8192), of_talc: 0.75 },
];

impl Sizes {
    pub(crate) fn draw(self, random: &mut Random) -> usize {
        match self {
            Self::All(bytes) => bytes,
            Self::Uniform => 8 + random.below(2041),
            Self::LogUniform => (8.0 * 256_f64.powf(random.part())) as usize,
        }
    }
}
