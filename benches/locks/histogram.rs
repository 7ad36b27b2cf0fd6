//! How often something took how long, in little memory that processes may share.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Buckets to each power of two, so that a bucket is 3 % wide.
const STEPS: u64 = 1 << STEPS_BITS;
const STEPS_BITS: u32 = 5;
const LARGEST: u64 = (1 << 40) - 1;
const BUCKETS: usize = bucket(LARGEST) + 1;

/// Times in ticks, recorded by one worker.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: [AtomicU32; BUCKETS],
    longest: AtomicU64,
}

impl Histogram {
    pub(crate) const fn new() -> Self {
        Self { counts: [const { AtomicU32::new(0) }; BUCKETS], longest: AtomicU64::new(0) }
    }

    /// Adds a time. Nobody else may do so meanwhile.
    #[inline]
    pub(crate) fn record(&self, ticks: u64) {
        let count = &self.counts[bucket(ticks.min(LARGEST))];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if ticks > self.longest.load(Ordering::Relaxed) {
            self.longest.store(ticks, Ordering::Relaxed);
        }
    }

    /// How many times were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum()
    }

    pub(crate) fn longest(&self) -> u64 {
        self.longest.load(Ordering::Relaxed)
    }
}

/// The time that such a part of all that several workers have recorded does not exceed.
pub(crate) fn quantile<'a>(of: impl Iterator<Item = &'a Histogram> + Clone, part: f64) -> u64 {
    let total: u64 = of.clone().map(Histogram::count).sum();
    let rank = (part * total as f64).ceil() as u64;
    let mut below = 0;
    let found = (0..BUCKETS).find(|&bucket| {
        let here = of.clone().map(|histogram| histogram.counts[bucket].load(Ordering::Relaxed));
        below += here.map(u64::from).sum::<u64>();
        below >= rank
    });
    found.map_or(0, end)
}

/// The number of the bucket of a time: small times have one each.
const fn bucket(ticks: u64) -> usize {
    let shift = (ticks | 1).ilog2().saturating_sub(STEPS_BITS);
    (shift as u64 * STEPS + (ticks >> shift)) as usize
}

/// The longest time in a bucket.
fn end(bucket: usize) -> u64 {
    let shift = (bucket as u64 / STEPS).saturating_sub(1);
    ((bucket as u64 - shift * STEPS + 1) << shift) - 1
}
