//! Slabs, each with operations and what comes of them: together all that an operation can come upon.

use super::layout::Run::{self, Blocks, Free, Whole};
use super::operation::Operation::{self, Allocate, Free as Release, Resize};
use crate::geometry::PAGE_BYTES;

/// What lies on the pages before and after an operation.
pub(super) type Scene = (&'static [Run], Operation, &'static [Run]);

/// What lies on the pages before and after many.
pub(super) type Story = (&'static [Run], &'static [Operation], &'static [Run]);

const fn pages(pages: usize) -> usize {
    pages * PAGE_BYTES
}

const fn allocate(bytes: usize) -> Operation {
    Allocate { bytes, align: 1 }
}

const fn free(offset: usize) -> Operation {
    Release { offset }
}

const fn resize(offset: usize, bytes: usize) -> Operation {
    Resize { offset, bytes }
}

/// Blocks are allocated: of a run that has others, of a new one, and of the one kept.
pub(super) const BLOCKS_COME: &[Scene] = &[
    (&[Free(40)], allocate(8), &[Blocks(8, 1), Free(39)]),
    (&[Blocks(8, 1), Free(39)], allocate(8), &[Blocks(8, 2), Free(39)]),
    // The second word of the bitmap.
    (&[Blocks(8, 64), Free(39)], allocate(8), &[Blocks(8, 65), Free(39)]),
    (&[Blocks(1024, 0), Free(39)], allocate(1024), &[Blocks(1024, 1), Free(39)]),
    // The run is full afterwards; was full before.
    (&[Blocks(1024, 3), Free(39)], allocate(1024), &[Blocks(1024, 4), Free(39)]),
    (&[Blocks(1024, 4), Free(39)], allocate(1024), &[Blocks(1024, 4), Blocks(1024, 1), Free(38)]),
    // Runs of seven pages.
    (&[Free(40)], allocate(7168), &[Blocks(7168, 1), Free(33)]),
    (&[Blocks(7168, 3), Free(33)], allocate(7168), &[Blocks(7168, 4), Free(33)]),
    // Runs of one block.
    (&[Free(40)], allocate(pages(8)), &[Blocks(pages(8), 1), Free(32)]),
    (&[Blocks(pages(8), 0), Free(32)], allocate(pages(8)), &[Blocks(pages(8), 1), Free(32)]),
    // New runs between others, with pages left and without.
    (
        &[Whole(1), Free(9), Whole(1), Free(29)],
        allocate(7168),
        &[Whole(1), Blocks(7168, 1), Free(2), Whole(1), Free(29)],
    ),
    (
        &[Whole(1), Free(1), Whole(1), Free(37)],
        allocate(8),
        &[Whole(1), Blocks(8, 1), Whole(1), Free(37)],
    ),
    // Nothing is left, and what another class keeps.
    (&[Whole(40)], allocate(8), &[Whole(40)]),
    (&[Blocks(1024, 0), Whole(39)], allocate(8), &[Blocks(8, 1), Whole(39)]),
];

/// Blocks are freed: of a run that was full, of one that is empty then, and of none.
pub(super) const BLOCKS_GO: &[Scene] = &[
    (&[Blocks(8, 70), Free(39)], free(8 * 66), &[Blocks(8, 69), Free(39)]),
    (&[Blocks(1024, 4), Free(39)], free(1024), &[Blocks(1024, 3), Free(39)]),
    // A block that begins on the second of seven pages.
    (&[Blocks(7168, 2), Free(33)], free(7168), &[Blocks(7168, 1), Free(33)]),
    // A run that is empty stays; of two, the one that is so first.
    (&[Blocks(1024, 1), Free(39)], free(0), &[Blocks(1024, 0), Free(39)]),
    (&[Blocks(1024, 0), Blocks(1024, 1), Free(38)], free(pages(1)), &[Blocks(1024, 0), Free(39)]),
    (&[Blocks(1024, 1), Blocks(1024, 0), Free(38)], free(0), &[Free(1), Blocks(1024, 0), Free(38)]),
    // Runs of one block, which is all: the first stays, the second goes.
    (&[Blocks(pages(8), 1), Free(32)], free(0), &[Blocks(pages(8), 0), Free(32)]),
    (
        &[Blocks(pages(8), 0), Blocks(pages(8), 1), Free(24)],
        free(pages(8)),
        &[Blocks(pages(8), 0), Free(32)],
    ),
    // One of seven pages that goes, from between free ones.
    (
        &[Blocks(7168, 0), Free(2), Blocks(7168, 1), Free(24)],
        free(pages(9)),
        &[Blocks(7168, 0), Free(33)],
    ),
    // Mistakes: inside of a block, a block that is free, inside of pages, free pages, and no page.
    (&[Blocks(1024, 2), Free(39)], free(1000), &[Blocks(1024, 2), Free(39)]),
    (&[Blocks(1024, 2), Free(39)], free(2048), &[Blocks(1024, 2), Free(39)]),
    (&[Whole(3), Free(37)], free(pages(1)), &[Whole(3), Free(37)]),
    (&[Whole(3), Free(37)], free(pages(3)), &[Whole(3), Free(37)]),
    (&[Whole(3), Free(37)], free(pages(40)), &[Whole(3), Free(37)]),
];

/// Whole pages are allocated: from the front, the middle, the end and all of a free run.
pub(super) const PAGES_COME: &[Scene] = &[
    (&[Free(40)], allocate(pages(9)), &[Whole(9), Free(31)]),
    (
        &[Whole(1), Free(9), Whole(1), Free(29)],
        allocate(pages(9)),
        &[Whole(1), Whole(9), Whole(1), Free(29)],
    ),
    // Page 0 is at an odd address.
    (&[Free(40)], Allocate { bytes: pages(2), align: pages(4) }, &[Free(3), Whole(2), Free(35)]),
    (
        &[Whole(33), Free(7)],
        Allocate { bytes: pages(5), align: pages(4) },
        &[Whole(33), Free(2), Whole(5)],
    ),
    (&[Whole(31), Free(9)], allocate(pages(9)), &[Whole(31), Whole(9)]),
    // Not enough is left: at all, without what classes keep, and even with that.
    (&[Whole(38), Free(2)], allocate(pages(9)), &[Whole(38), Free(2)]),
    (
        &[Blocks(1024, 0), Blocks(pages(8), 0), Whole(31)],
        allocate(pages(9)),
        &[Whole(9), Whole(31)],
    ),
    (&[Blocks(1024, 0), Whole(39)], allocate(pages(9)), &[Free(1), Whole(39)]),
];

/// Whole pages are freed: between others, and beside free ones on the left, the right and both sides.
pub(super) const PAGES_GO: &[Scene] = &[
    (
        &[Whole(1), Whole(3), Whole(1), Free(35)],
        free(pages(1)),
        &[Whole(1), Free(3), Whole(1), Free(35)],
    ),
    (&[Free(2), Whole(3), Whole(1), Free(34)], free(pages(2)), &[Free(5), Whole(1), Free(34)]),
    (&[Whole(1), Whole(3), Free(36)], free(pages(1)), &[Whole(1), Free(39)]),
    (&[Free(2), Whole(3), Free(35)], free(pages(2)), &[Free(40)]),
    // All of one page, and all of the region.
    (&[Free(1), Whole(1), Free(1), Whole(37)], free(pages(1)), &[Free(3), Whole(37)]),
    (&[Whole(40)], free(0), &[Free(40)]),
];

/// Blocks grow and shrink where they are, or do not.
pub(super) const PAGES_STAY: &[Scene] = &[
    // By all of the free run behind, by a part, and by all but one page.
    (
        &[Whole(2), Free(3), Whole(1), Free(34)],
        resize(0, pages(5)),
        &[Whole(5), Whole(1), Free(34)],
    ),
    (&[Whole(2), Free(38)], resize(0, pages(4)), &[Whole(4), Free(36)]),
    (&[Whole(2), Free(3), Whole(35)], resize(0, pages(4)), &[Whole(4), Free(1), Whole(35)]),
    // Refused: too few pages are free behind it, none, and those it has are enough.
    (&[Whole(2), Free(3), Whole(35)], resize(0, pages(6)), &[Whole(2), Free(3), Whole(35)]),
    (&[Whole(2), Whole(1), Free(37)], resize(0, pages(3)), &[Whole(2), Whole(1), Free(37)]),
    (&[Whole(2), Free(38)], resize(0, pages(2) - 5), &[Whole(2), Free(38)]),
    // Shorter: before a free run, and before another.
    (&[Whole(15), Free(25)], resize(0, pages(12)), &[Whole(12), Free(28)]),
    (&[Whole(15), Whole(25)], resize(0, pages(12)), &[Whole(12), Free(3), Whole(25)]),
    (&[Whole(13), Whole(27)], resize(0, pages(12)), &[Whole(12), Free(1), Whole(27)]),
    // Blocks keep their place if their class does.
    (&[Blocks(1024, 1), Free(39)], resize(0, 1000), &[Blocks(1024, 1), Free(39)]),
    (&[Blocks(1024, 1), Free(39)], resize(0, 2000), &[Blocks(1024, 1), Free(39)]),
];

/// One operation after another.
pub(super) const STORIES: &[Story] = &[
    // A run that is kept is in use again; when the next is empty, that is kept, and the first goes.
    (
        &[Blocks(1024, 0), Blocks(1024, 4), Free(38)],
        &[
            allocate(1024),
            free(pages(1)),
            free(pages(1) + 2048),
            free(pages(1) + 1024),
            free(pages(1) + 3072),
            free(0),
        ],
        &[Free(1), Blocks(1024, 0), Free(38)],
    ),
    // A run is full and empty in turn, and the same block comes and goes.
    (
        &[Blocks(1024, 3), Free(39)],
        &[
            allocate(1024),
            free(0),
            free(1024),
            free(2048),
            free(3072),
            allocate(1024),
            free(0),
            free(0),
        ],
        &[Blocks(1024, 0), Free(39)],
    ),
    // Other runs come to where some have gone.
    (
        &[Blocks(pages(8), 0), Blocks(pages(8), 1), Free(1), Whole(23)],
        &[free(pages(8)), allocate(8), allocate(7168), allocate(pages(9)), allocate(1024)],
        &[Free(8), Blocks(8, 1), Blocks(7168, 1), Blocks(1024, 1), Whole(23)],
    ),
    // Pages that come, grow, shrink and go.
    (
        &[Free(40)],
        &[
            allocate(pages(10)),
            allocate(pages(20)),
            free(0),
            resize(pages(10), pages(25)),
            resize(pages(10), pages(9)),
            free(pages(10)),
        ],
        &[Free(40)],
    ),
];
