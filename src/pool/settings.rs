//! The numbers by which a pool works.

use super::block::HEADER;

/// The smallest large threshold there may be: requests up to here are never large, which typed
/// requests make use of at compile time.
pub(super) const LEAST_LARGE_THRESHOLD: usize = 512;

/// The largest block that may be asked for. With it no sum of a request and its alignment overflows.
const MOST_BLOCK_SIZE: usize = 1 << 28;

const LEAST_BLOCK_SIZE: usize = 256;

/// Sizes are in bytes.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) first_block_size: usize,
    pub(super) largest_block_size: usize,
    pub(super) large_threshold: usize,
    pub(super) limit: usize,
    pub(super) retain: usize,
    pub(super) name: &'static str,
}

impl Settings {
    pub(super) const DEFAULT: Self = Self {
        first_block_size: 4 << 10,
        largest_block_size: 512 << 10,
        large_threshold: 16 << 10,
        limit: usize::MAX,
        retain: 512 << 10,
        name: "",
    };

    /// Moves each to the nearest that makes sense. The threshold becomes a multiple of 8, so that
    /// rounding a request up to that changes nothing about which requests are large.
    #[inline]
    pub(super) const fn fit(mut self) -> Self {
        self.first_block_size = clamp(self.first_block_size, LEAST_BLOCK_SIZE, MOST_BLOCK_SIZE);
        let most = MOST_BLOCK_SIZE / 2;
        self.large_threshold = clamp(self.large_threshold, LEAST_LARGE_THRESHOLD, most) & !7;
        let for_one = self.large_threshold + HEADER;
        let least = if self.first_block_size > for_one { self.first_block_size } else { for_one };
        self.largest_block_size = clamp(self.largest_block_size, least, MOST_BLOCK_SIZE);
        self
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
