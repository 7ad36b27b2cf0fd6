//! Pages and size classes: arithmetic alone.
#![forbid(unsafe_code)]

/// The bytes of a page, whatever the system's pages have.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Does not compile for a type that is aligned to more than a page, as no block is.
pub(crate) const fn assert_alignable<T>() {
    assert!(align_of::<T>() <= PAGE_BYTES, "no heap aligns a value to more than a page");
}

/// A size of block, of which many share a run of pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Class(u8);

/// How the runs of a class are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) block_bytes: u32,
    /// The pages of a run: as few as lose at most 1/32 of them and have four blocks, up to
    /// [`Plan::MAX_PAGES`].
    pub(crate) pages: u32,
    /// The blocks of a run.
    pub(crate) blocks: u32,
    /// 2^32 divided by the bytes of a block, rounded up.
    reciprocal: u32,
}

impl Class {
    /// The number of classes: by steps of 8 bytes up to 128, eight to a doubling up to 2048, four
    /// from there.
    pub(crate) const COUNT: usize = 64;
    /// The bytes of the largest blocks.
    pub(crate) const LARGEST: usize = 32 << 10;
    /// The most blocks that a run has.
    pub(crate) const BLOCKS_OF_A_RUN: usize = PAGE_BYTES / 8;

    /// Returns the class for blocks of at least `bytes` bytes at multiples of `align`, a power of two;
    /// none if such a request takes whole pages, or nothing.
    #[inline]
    pub(crate) fn of(bytes: usize, align: usize) -> Option<Self> {
        let aligned = match align {
            0..=8 => bytes,
            // The class of a multiple of `align` has that size, or lies where the steps between classes
            // are multiples of `align`: its blocks lie at such, and no smaller ones do.
            _ if align <= PAGE_BYTES => bytes.checked_add(align - 1)? & !(align - 1),
            _ => return None,
        };
        if aligned > Self::LARGEST {
            return None;
        }
        let &class = CLASS_OF_WORDS.get(aligned.div_ceil(8))?;
        Self::from_index(class.into())
    }

    #[inline]
    pub(crate) const fn from_index(index: usize) -> Option<Self> {
        if index < Self::COUNT { Some(Self(index as u8)) } else { None }
    }

    /// Below [`Class::COUNT`]: the compiler is to know it, too.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        self.0 as usize % Self::COUNT
    }

    #[inline]
    pub(crate) const fn plan(self) -> &'static Plan {
        &PLANS[self.index()]
    }
}

impl Plan {
    /// The most pages of a run.
    const MAX_PAGES: u32 = 8;

    const fn of(block_bytes: u32) -> Self {
        const PAGE: u32 = PAGE_BYTES as u32;
        let mut pages = block_bytes.div_ceil(PAGE);
        while (pages * PAGE) % block_bytes > pages * PAGE / 32 {
            pages += 1;
        }
        while pages * PAGE / block_bytes < 4 && pages * 2 <= Self::MAX_PAGES {
            pages *= 2;
        }
        let blocks = pages * PAGE / block_bytes;
        let reciprocal = ((1_u64 << 32).div_ceil(block_bytes as u64)) as u32;
        Self { block_bytes, pages, blocks, reciprocal }
    }

    /// Returns which block begins so many bytes into a run; none where no block begins.
    ///
    /// The upper half of the product is the quotient, and the lower half is below the reciprocal where
    /// nothing remains: as in "Faster Remainder by Direct Computation" by Daniel Lemire, Owen Kaser and
    /// Nathan Kurz. Offsets and sizes of at most 15 bits fit.
    #[inline]
    pub(crate) const fn block_at(&self, offset: u32) -> Option<u32> {
        let product = offset as u64 * self.reciprocal as u64;
        let block = (product >> 32) as u32;
        let begins = (product as u32) < self.reciprocal && block < self.blocks;
        if begins { Some(block) } else { None }
    }
}

/// Returns how many bytes a block has that holds so many; none beyond what can be counted.
pub(crate) fn rounded(bytes: usize, align: usize) -> Option<usize> {
    match Class::of(bytes, align) {
        Some(class) => Some(class.plan().block_bytes as usize),
        None => bytes.checked_next_multiple_of(PAGE_BYTES),
    }
}

/// A constant, like the next one: the class of a size that is known to the compiler is, too.
const PLANS: &[Plan; Class::COUNT] = &{
    let mut plans = [Plan::of(8); Class::COUNT];
    let (mut class, mut bytes) = (0, 0_u32);
    while class < Class::COUNT {
        bytes += step_after(bytes);
        plans[class] = Plan::of(bytes);
        assert!(plans[class].blocks as usize <= Class::BLOCKS_OF_A_RUN);
        class += 1;
    }
    plans
};

/// How much larger the next class is.
const fn step_after(bytes: u32) -> u32 {
    match bytes {
        0..128 => 8,
        128..2048 => 1 << (bytes.ilog2() - 3),
        _ => 1 << (bytes.ilog2() - 2),
    }
}

/// The index of the class for so many words of 8 bytes; [`Class::COUNT`] where there is none.
const CLASS_OF_WORDS: &[u8; Class::LARGEST / 8 + 1] = &{
    let mut classes = [0; Class::LARGEST / 8 + 1];
    let (mut words, mut class) = (0, 0);
    while words < classes.len() {
        while words * 8 > PLANS[class].block_bytes as usize {
            class += 1;
        }
        // No bytes have no block.
        classes[words] = if words == 0 { Class::COUNT } else { class } as u8;
        words += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> impl Iterator<Item = Class> {
        (0..Class::COUNT).filter_map(Class::from_index)
    }

    #[test]
    fn each_size_has_the_smallest_class_that_holds_it() {
        for bytes in 1..=2 * Class::LARGEST {
            let class = Class::of(bytes, 1);
            let smallest = classes().find(|class| class.plan().block_bytes as usize >= bytes);
            assert_eq!(class, smallest, "{bytes}");
        }
    }

    #[test]
    fn a_class_loses_little() {
        for class in classes() {
            let Plan { block_bytes, pages, blocks, .. } = *class.plan();
            let run = pages * PAGE_BYTES as u32;
            assert!(
                run - blocks * block_bytes <= run / 32 && pages <= Plan::MAX_PAGES,
                "{class:?}"
            );
            if let Some(next) = Class::from_index(class.index() + 1) {
                let next = next.plan().block_bytes;
                let most = if block_bytes < 2048 { 8 } else { 4 };
                assert!(next - block_bytes <= 8.max(block_bytes / most), "{class:?}");
            }
        }
        assert_eq!(classes().last().map(|class| class.plan().block_bytes), Some(32 << 10));
    }

    #[test]
    fn blocks_of_a_class_are_aligned_as_asked() {
        for align in (0..=14).map(|bits| 1 << bits) {
            for bytes in (1..=Class::LARGEST).step_by(13) {
                if let Some(class) = Class::of(bytes, align) {
                    let block = class.plan().block_bytes as usize;
                    assert!(block % align == 0 && block >= bytes, "{bytes} at {align}");
                }
            }
        }
        let block = |bytes, align| Class::of(bytes, align).map(|class| class.plan().block_bytes);
        assert_eq!(
            [block(100, 16), block(100, 64), block(40, 32)],
            [Some(112), Some(128), Some(64)]
        );
        assert_eq!([block(10, 4096), block(4097, 4096)], [Some(4096), Some(8192)]);
        assert_eq!([block(usize::MAX, 1), block(10, 8192), block((32 << 10) + 1, 8)], [None; 3]);
        assert_eq!(block(0, 1), None);
    }

    #[test]
    fn blocks_are_found_where_they_begin_and_nowhere_else() {
        for class in classes() {
            let plan = class.plan();
            for offset in 0..plan.pages * PAGE_BYTES as u32 {
                let block = offset / plan.block_bytes;
                let begins = offset % plan.block_bytes == 0 && block < plan.blocks;
                assert_eq!(plan.block_at(offset), begins.then_some(block), "{class:?}, {offset}");
            }
        }
    }
}
