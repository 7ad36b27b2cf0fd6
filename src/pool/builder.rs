//! The settings of a pool.

use super::pool::Pool;
use super::settings::Settings;

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
    settings: Settings,
}

impl Pool {
    /// Creates a pool with the default settings. It holds no memory until it is used.
    #[inline]
    pub const fn new() -> Self {
        Self::builder().build()
    }

    /// Returns the settings of a pool, to be changed and built.
    #[inline]
    pub const fn builder() -> PoolBuilder {
        PoolBuilder { settings: Settings::DEFAULT }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

impl PoolBuilder {
    /// Sets the size of the first block in bytes, its header included, which is 32 bytes on
    /// 64-bit targets. Each block is twice as large as the one before. Default 4 KiB, at least 256 bytes.
    #[inline]
    pub const fn first_block_size(mut self, bytes: usize) -> Self {
        self.settings.first_block_size = bytes;
        self
    }

    /// Sets the size in bytes at which blocks stop doubling. Default 512 KiB, at least the size of
    /// the first block and room for one request at the [large threshold](Self::large_threshold). A
    /// request with a strict alignment may get a larger block.
    #[inline]
    pub const fn largest_block_size(mut self, bytes: usize) -> Self {
        self.settings.largest_block_size = bytes;
        self
    }

    /// Sets the size in bytes above which a request gets memory of its own from the system, which
    /// `Allocator::deallocate` gives back at once. A request counts with its size rounded up to its
    /// alignment and to a multiple of 8, as the threshold is. Default 16 KiB, at least 512 bytes, at
    /// most 128 MiB.
    #[doc(alias = "max")]
    #[inline]
    pub const fn large_threshold(mut self, bytes: usize) -> Self {
        self.settings.large_threshold = bytes;
        self
    }

    /// Sets the most bytes that the pool may hold from the system, its scopes, its kept blocks and
    /// all headers included. Default: no limit. A limit of 0 refuses every
    /// request that needs memory. (While a large allocation moves to where it needs less, both are
    /// held for a moment, of which the new one counts.)
    #[inline]
    pub const fn limit(mut self, bytes: usize) -> Self {
        self.settings.limit = bytes;
        self
    }

    /// Sets the most bytes in blocks that the pool keeps at [`Pool::reset`] to use them again, and
    /// the most that its ended scopes leave behind, in blocks of up to half of it; what is over is
    /// given back to the system. Default 512 KiB.
    #[inline]
    pub const fn retain(mut self, bytes: usize) -> Self {
        self.settings.retain = bytes;
        self
    }

    /// Sets the name that `Debug` and log events show. Default: empty.
    #[inline]
    pub const fn name(mut self, name: &'static str) -> Self {
        self.settings.name = name;
        self
    }

    /// Builds a pool. It holds no memory until it is used.
    #[inline]
    pub const fn build(self) -> Pool {
        Pool::from_settings(&self.settings.fit())
    }
}

impl Default for PoolBuilder {
    fn default() -> Self {
        Pool::builder()
    }
}
