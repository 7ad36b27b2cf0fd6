//! The settings of a pool.

use super::block::HEADER;
use super::pool::Pool;

const KIB: usize = 1024;

/// The smallest large threshold there may be: requests up to here are never large, which typed
/// requests make use of at compile time.
pub(super) const LEAST_LARGE_THRESHOLD: usize = 512;

/// The largest block that may be asked for. With it no sum of a request and its alignment overflows.
const MOST_BLOCK_SIZE: usize = 1 << 28;

/// Configures a [`Pool`], or the pools of a [`PoolCache`](crate::PoolCache).
///
/// Every setting has a default that suits a server's requests, and every value is accepted: one
/// that makes no sense is moved to the nearest that does, as each method tells.
///
/// ```
/// use aquifer::{Pool, PoolBuilder};
///
/// const REQUEST: PoolBuilder = Pool::builder().name("request").limit(1 << 20).retain(64 << 10);
/// let pool = REQUEST.build();
/// assert!(pool.alloc_slice_fill_with(2 << 20, |_| 0_u8).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct PoolBuilder {
    pub(super) first_block_size: usize,
    pub(super) largest_block_size: usize,
    pub(super) large_threshold: usize,
    pub(super) limit: usize,
    pub(super) retain: usize,
    pub(super) name: &'static str,
}

impl PoolBuilder {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            first_block_size: 4 * KIB,
            largest_block_size: 512 * KIB,
            large_threshold: 16 * KIB,
            limit: usize::MAX,
            retain: 512 * KIB,
            name: "",
        }
    }

    /// Sets the size of the first block in bytes, its header of 32 bytes included. Each block is
    /// twice as large as the one before. Default 4 KiB, at least 256 bytes.
    #[inline]
    pub const fn first_block_size(mut self, bytes: usize) -> Self {
        self.first_block_size = clamp(bytes, 256, MOST_BLOCK_SIZE);
        self
    }

    /// Sets the size in bytes at which blocks stop doubling. Default 512 KiB, at least the size of
    /// the first block and room for one request at the [large threshold](Self::large_threshold).
    #[inline]
    pub const fn largest_block_size(mut self, bytes: usize) -> Self {
        self.largest_block_size = clamp(bytes, 256, MOST_BLOCK_SIZE);
        self
    }

    /// Sets the size in bytes above which a request gets memory of its own from the system, which
    /// `Allocator::deallocate` gives back at once. A request counts with its size rounded up to its
    /// alignment and to a multiple of 8, as the threshold is. Default 16 KiB, at least 512 bytes, at
    /// most 128 MiB.
    #[doc(alias = "max")]
    #[inline]
    pub const fn large_threshold(mut self, bytes: usize) -> Self {
        self.large_threshold = clamp(bytes, LEAST_LARGE_THRESHOLD, MOST_BLOCK_SIZE / 2) & !7;
        self
    }

    /// Sets the most bytes that the pool may hold from the system, its scopes, its kept blocks and
    /// all headers included. Default: no limit. A limit of 0 refuses every
    /// request that needs memory. (Where a large allocation shrinks into a block, both are held for
    /// a moment, of which the block counts.)
    #[inline]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets the most bytes in blocks that the pool keeps at [`Pool::reset`] to use them again, and
    /// the most that its ended scopes leave behind; what is over is given back to the system.
    /// Default 512 KiB.
    #[inline]
    pub const fn retain(mut self, bytes: usize) -> Self {
        self.retain = bytes;
        self
    }

    /// Sets the name that `Debug` and log events show. Default: empty.
    #[inline]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Builds a pool. It holds no memory until it is used.
    #[inline]
    pub const fn build(mut self) -> Pool {
        let least = if self.first_block_size > self.large_threshold + HEADER {
            self.first_block_size
        } else {
            self.large_threshold + HEADER
        };
        self.largest_block_size = clamp(self.largest_block_size, least, MOST_BLOCK_SIZE);
        Pool::from_settings(&self)
    }
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Self::new()
    }
}

const fn clamp(value: usize, least: usize, most: usize) -> usize {
    if value < least {
        least
    } else if value > most {
        most
    } else {
        value
    }
}
