//! Where a slab's tables lie in a mapping, and how many pages they serve.
#![expect(unsafe_code, reason = "places tables in a mapping")]

use core::mem;
use core::ptr::NonNull;
use core::slice;

use super::header::Header;
use super::page::Page;
use super::slab::Slab;
use crate::geometry::PAGE_BYTES;

/// A slab's part of a mapping: something else, then the header, an entry of each page, and one more, and
/// from the next boundary of a page on the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tables {
    /// What lies before them, in bytes: a multiple of 8.
    before: usize,
    /// How many pages there are.
    pub(crate) count: usize,
}

impl Tables {
    /// As many pages as fit into `bytes` bytes of which `before` are something else's.
    pub(crate) const fn fit(before: usize, bytes: usize) -> Self {
        /// No mapping is longer, and no sum below overflows.
        const LONGEST: usize = isize::MAX as usize;
        let bytes = if bytes < LONGEST { bytes } else { LONGEST };
        let a_page = mem::size_of::<Page>() + PAGE_BYTES;
        let no_pages = Self { before, count: 0 }.tables_end();
        let count = bytes.saturating_sub(no_pages + PAGE_BYTES - 1) / a_page;
        // One more if the tables happen to end at a page.
        let one_more = Self { before, count: count + 1 };
        if one_more.bytes() <= bytes { one_more } else { Self { before, count } }
    }

    /// Tables for the fewest pages of use.
    pub(crate) const fn for_one_page(before: usize) -> Self {
        Self { before, count: 1 }
    }

    /// Where the pages begin.
    pub(crate) const fn pages_start(self) -> usize {
        self.tables_end().next_multiple_of(PAGE_BYTES)
    }

    /// The bytes of everything.
    pub(crate) const fn bytes(self) -> usize {
        self.pages_start() + self.count * PAGE_BYTES
    }

    const fn tables_end(self) -> usize {
        self.before + mem::size_of::<Header>() + (self.count + 1) * mem::size_of::<Page>()
    }

    /// Finds the slab in a mapping. `base` is how far its first page is from address zero, in pages,
    /// or 0 where no address is to be relied on; `None` if there are more pages than a slab may have.
    ///
    /// # Safety
    ///
    /// 1. `start` is the start of a mapping of at least [`Tables::bytes`] bytes, aligned to 8, that stays for
    ///    as long as the result is used.
    /// 2. What lies in it where the tables are was written by a slab, or is zero, or is any bytes; and
    ///    is used by slabs only.
    pub(crate) unsafe fn find(self, start: NonNull<u8>, base: usize) -> Option<Slab<'static>> {
        // SAFETY: within the mapping.
        let header = unsafe { start.add(self.before) }.cast::<Header>();
        // SAFETY: within the mapping.
        let pages = unsafe { header.add(1) }.cast::<Page>();
        // SAFETY: any bytes are a header, which is aligned to 8, as `before` is a multiple of it.
        let header = unsafe { header.as_ref() };
        // SAFETY: any bytes are entries, and there is room for so many.
        let pages = unsafe { slice::from_raw_parts(pages.as_ptr(), self.count + 1) };
        Slab::new(header, pages, base)
    }
}

const _: () = assert!(mem::align_of::<Header>() <= 8 && mem::align_of::<Page>() <= 8);
const _: () = assert!(mem::size_of::<Header>() % 8 == 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_pages_as_fit_are_served() {
        for before in [0, 64, 4096, 10_000] {
            for bytes in (0..2_000_000).step_by(997) {
                let tables = Tables::fit(before, bytes);
                assert!(tables.count == 0 || tables.bytes() <= bytes, "{before}, {bytes}");
                let more = Tables { before, count: tables.count + 1 };
                assert!(more.bytes() > bytes, "{before}, {bytes}");
            }
        }
    }

    #[test]
    fn what_is_longer_than_any_mapping_is_counted_as_the_longest() {
        let longest = Tables::fit(64, isize::MAX as usize);
        assert!(longest.bytes() <= isize::MAX as usize && longest.count > 0);
        for less in (0..20_000).step_by(7) {
            assert_eq!(Tables::fit(64, usize::MAX - less), longest, "{less}");
        }
    }
}
