//! How often something took how long, in few numbers.
#![forbid(unsafe_code)]

use aquifer::{KillSafe, ShmSafe};

/// Counts by nanoseconds: four to each doubling, so that no figure is off by more than a quarter.
#[derive(Clone, Copy, KillSafe, ShmSafe)]
#[repr(C)]
pub(crate) struct Histogram {
    counts: [u64; Histogram::BUCKETS],
}

impl Histogram {
    /// From 512 ns up to a minute or so, and all beyond.
    const BUCKETS: usize = 1 + 4 * 27;
    /// The power of two at which the buckets begin; below there is one.
    const FIRST_POWER: u32 = 9;

    pub(crate) const EMPTY: Self = Self { counts: [0; Self::BUCKETS] };

    pub(crate) fn add(&mut self, nanoseconds: u64, count: u64) {
        self.counts[Self::bucket(nanoseconds)] += count;
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What `part` of all took at most, in nanoseconds; 0 if nothing was counted.
    pub(crate) fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.total() as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.counts.iter().position(|&count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(0, Self::end)
    }

    /// The counts that are not 0, each with the end of its bucket.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(bucket, &count)| (Self::end(bucket), count))
    }

    fn bucket(nanoseconds: u64) -> usize {
        let power = nanoseconds.max(1).ilog2();
        if power < Self::FIRST_POWER {
            return 0;
        }
        let quarter = (nanoseconds >> (power - 2)) & 3;
        let bucket = 1 + 4 * (power - Self::FIRST_POWER) as usize + quarter as usize;
        bucket.min(Self::BUCKETS - 1)
    }

    /// The first number of nanoseconds that is in the next bucket.
    fn end(bucket: usize) -> u64 {
        let (power, quarter) = (bucket / 4, bucket as u64 % 4);
        (4 + quarter) << (power as u32 + Self::FIRST_POWER - 2)
    }
}
