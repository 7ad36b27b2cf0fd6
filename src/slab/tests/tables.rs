//! A slab's tables in plain memory.

use crate::slab::header::Header;
use crate::slab::page::Page;
use crate::slab::slab::Slab;

/// The tables of a slab, in plain memory.
#[derive(Debug)]
pub(super) struct Tables {
    header: Box<Header>,
    pages: Vec<Page>,
    base: usize,
}

impl Tables {
    /// All pages are free. The first is so many pages from address zero.
    pub(super) fn new(pages: usize, base: usize) -> Self {
        let tables = Self {
            header: Box::new(Header::default()),
            pages: (0..=pages).map(|_| Page::default()).collect(),
            base,
        };
        tables.slab().format();
        tables
    }

    pub(super) fn slab(&self) -> Slab<'_> {
        Slab::new(&self.header, &self.pages, self.base).unwrap()
    }

    /// Lends the tables to somebody who writes into them.
    pub(super) fn overwrite(&mut self, write: impl FnOnce(&mut Header, &mut [Page])) {
        write(&mut self.header, &mut self.pages);
    }
}
