//! The work that regions are compared by.

use std::alloc::Layout;
use std::hint::black_box;

use super::peers::Region;

/// How many values [`values`] and [`mixed`] make.
pub(crate) const VALUES: u64 = 1000;

/// Values of 16 bytes, and a reset.
pub(crate) fn values<R: Region>(region: &mut R) {
    for n in 0..VALUES {
        black_box(region.alloc_16([n; 2]));
    }
    region.reset();
}

/// Requests of several sizes, as [`mixed_layouts`] or [`request_layouts`] give them.
#[inline]
pub(crate) fn serve<R: Region>(region: &mut R, layouts: &[Layout]) {
    for layout in layouts {
        black_box(region.alloc_layout(*layout));
    }
}

/// 8 to 512 bytes, every size as likely as any other.
pub(crate) fn mixed_layouts() -> Vec<Layout> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Layout::from_size_align(8 + state as usize % 505, 8).unwrap()
    };
    (0..VALUES).map(|_| next()).collect()
}

/// 40 of 16 to 256 bytes, two of 1 and 3 KiB, and one of 16 KiB.
pub(crate) fn request_layouts() -> Vec<Layout> {
    let sizes = (0..40).map(|n| 16 + n * 97 % 241).chain([1 << 10, 3 << 10, 16 << 10]);
    sizes.map(|size| Layout::from_size_align(size, 8).unwrap()).collect()
}
