//! The accounts of a pool.

use super::block::HEADER;
use super::pool::{Pool, blocks};

/// What a pool holds, in bytes, and how often it refused.
///
/// For each pool and each scope by itself, `held == used + free + lost + large + headers`. The
/// figures of the whole family, which is a pool and the scopes open on it, are the same for all of
/// its members: `charged` is the sum of what they hold, plus `spare`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct PoolStats {
    /// Handed out of blocks, and not given back. What alignment skipped between two values counts
    /// as used: telling it apart would cost the hot path an instruction.
    pub used: usize,
    /// Free in the current block.
    pub free: usize,
    /// Behind the last value of older blocks, and given back but not used again yet. A later
    /// request that fits may take it.
    pub lost: usize,
    /// In large allocations, their headers included.
    pub large: usize,
    /// In the headers of blocks.
    pub headers: usize,
    /// Held from the system by this pool or scope: the sum of the five above.
    pub held: usize,
    /// The family: empty blocks, kept for the next use.
    pub spare: usize,
    /// The family: all that counts against the limit.
    pub charged: usize,
    /// The family: the most that was ever charged at once.
    pub high_water: usize,
    /// The family: the most that may be charged; `usize::MAX` where there is no limit.
    pub limit: usize,
    /// The family: how many requests the limit refused.
    pub limit_hits: u64,
}

impl Pool {
    /// Returns the pool's accounts. It walks the blocks, so the cost grows with their number.
    ///
    /// ```
    /// let pool = aquifer::Pool::new();
    /// pool.alloc(1_u64)?;
    /// let stats = pool.stats();
    /// assert_eq!(stats.used, 8);
    /// assert_eq!(stats.held, stats.used + stats.free + stats.lost + stats.large + stats.headers);
    /// # Ok::<(), aquifer::AllocError>(())
    /// ```
    pub fn stats(&self) -> PoolStats {
        let supply = self.supply();
        let mut stats = PoolStats {
            large: self.large.held(),
            held: self.large.held(),
            charged: supply.charged(),
            spare: supply.spare_bytes(),
            high_water: supply.high_water(),
            limit: supply.limit(),
            limit_hits: supply.limit_hits(),
            ..PoolStats::default()
        };
        if let Some(block) = self.block.get() {
            self.save_cursor(block);
            stats.free = block.room();
        }
        for block in blocks(self.block.get()) {
            stats.held += block.size();
            stats.headers += HEADER;
            stats.lost += block.room();
            stats.used += block.capacity() - block.room();
        }
        stats.used -= self.freed.bytes();
        stats.lost += self.freed.bytes();
        stats.lost -= stats.free;
        stats
    }
}
