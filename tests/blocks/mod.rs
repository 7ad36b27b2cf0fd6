//! Blocks of a slab pool that know what is written in them, and numbers at random.
#![allow(dead_code, reason = "each test uses a part of this room")]

use std::alloc::Layout;
use std::ptr::NonNull;

use aquifer::{SlabPool, SlabStats};

/// A block that its owner has filled with a mark.
#[derive(Debug)]
pub(crate) struct Block {
    memory: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: the memory is its owner's alone, whichever thread that is.
unsafe impl Send for Block {}

impl Block {
    /// Takes a block, and fills it; `None` if the pool has no room.
    pub(crate) fn take(pool: &SlabPool, layout: Layout, mark: u8) -> Option<Self> {
        let memory = pool.alloc_layout(layout).ok()?;
        assert_eq!(memory.addr().get() % layout.align(), 0, "{layout:?}");
        // SAFETY: so many bytes were handed out just now.
        unsafe { memory.write_bytes(mark, layout.size()) };
        Some(Self { memory, layout, mark })
    }

    /// Fails if somebody else has written into it.
    pub(crate) fn look(&self) {
        // SAFETY: it holds so many bytes, which `take` has written, and nobody else writes.
        let bytes =
            unsafe { NonNull::slice_from_raw_parts(self.memory, self.layout.size()).as_ref() };
        assert!(bytes.iter().all(|&byte| byte == self.mark), "{self:?} is somebody else's, too");
    }

    /// Looks at what is in it, and gives it back.
    pub(crate) fn give_back(self, pool: &SlabPool) {
        self.look();
        // SAFETY: `take` has it from this pool for this layout, and it is gone with this call.
        unsafe { pool.dealloc(self.memory, self.layout) };
    }
}

/// Blocks of all classes that are handed out.
pub(crate) fn blocks_in_use(stats: &SlabStats) -> usize {
    stats.classes.iter().map(|class| class.used).sum()
}

/// Fails if anything is handed out: then all pages are one block.
pub(crate) fn assert_all_is_given_back(pool: &SlabPool) {
    pool.check().unwrap();
    let stats = pool.stats();
    assert_eq!(blocks_in_use(&stats), 0);
    let all = Layout::from_size_align(stats.pages * SlabStats::PAGE_BYTES, 8).unwrap();
    let memory = pool.alloc_layout(all).unwrap();
    // SAFETY: it was handed out just now for this layout.
    unsafe { pool.dealloc(memory, all) };
    pool.check().unwrap();
}

/// Numbers that are the same at each run: "xorshift64*" of Sebastiano Vigna.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 32) as usize * end) >> 32
    }

    /// Mostly some words, now and then some pages.
    pub(crate) fn layout(&mut self) -> Layout {
        let most = [64, 64, 512, 512, 512, 3000, 8000, 100_000][self.below(8)];
        let align = 1 << self.below(6);
        Layout::from_size_align(1 + self.below(most), align).unwrap()
    }

    pub(crate) fn mark(&mut self) -> u8 {
        self.below(256) as u8
    }
}
