//! A slab in private memory, and the turn of the threads that use it.
#![expect(unsafe_code, reason = "places tables in a mapping")]

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::io;

use super::slab::Slab;
use super::tables::Tables;
use crate::geometry::PAGE_BYTES;
use crate::region::Region;
use crate::sync::turn::{Taken, Turn};
use crate::sys::{last_words, private, wiped};

/// What lies at the beginning of the memory of a pool.
///
/// ```text
/// ┌───────┬────────┬────────────────────────┬─────┬────────┬────────┬───
/// │ front │ header │ an entry of each page  │     │ page 0 │ page 1 │ …
/// └───────┴────────┴────────────────────────┴─────┴────────┴────────┴───
///   the turn lies in a page of its own, which a fork wipes
/// ```
#[derive(Debug)]
pub(crate) struct Front {
    turn: &'static Turn,
    /// 1 while somebody has the slab. A child that is forked meanwhile finds it so, beside a turn that
    /// nobody has had: then it puts in order what another thread of its parent had begun.
    dirty: AtomicU32,
    slab: Slab<'static>,
    pages: Region,
    /// All of it.
    bytes: usize,
}

impl Front {
    /// The fewest bytes of a pool: its tables, and a page.
    pub(crate) const MIN_BYTES: usize = {
        assert!(tables_in(2 * PAGE_BYTES).count == 1 && tables_in(2 * PAGE_BYTES - 1).count == 0);
        2 * PAGE_BYTES
    };

    /// Maps a pool of so many bytes, at least [`Front::MIN_BYTES`].
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(crate) fn map(bytes: usize) -> io::Result<NonNull<Self>> {
        let tables = tables_in(bytes);
        if tables.count > Slab::MAX_PAGES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let turn = wiped::map(mem::size_of::<Turn>())?;
        let start = private::map(bytes).inspect_err(|_| {
            // SAFETY: mapped above, and nobody knows of it.
            unsafe { private::unmap(turn, mem::size_of::<Turn>()) };
        })?;
        let front = start.cast::<Self>();
        // SAFETY: within the mapping.
        let first = unsafe { start.add(tables.pages_start()) };
        // SAFETY: so many bytes were mapped, all zero, for as long as the front.
        let slab = unsafe { tables.find(start, first.addr().get() / PAGE_BYTES) };
        let slab = slab.ok_or(io::ErrorKind::InvalidInput)?;
        slab.format();
        // SAFETY: the tables count as many behind them.
        let pages = unsafe { Region::new(first, tables.count * PAGE_BYTES) };
        // SAFETY: all zero is a free turn, and the mapping stays for as long as the front.
        let turn = unsafe { turn.cast().as_ref() };
        let value = Self { turn, dirty: AtomicU32::new(0), slab, pages, bytes };
        // SAFETY: the mapping begins with room for it.
        unsafe { front.write(value) };
        Ok(front)
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// It is of [`Front::map`], and nobody uses it or anything in it any more.
    pub(crate) unsafe fn unmap(front: NonNull<Self>) {
        // SAFETY: the caller's duty.
        let Self { turn, bytes, .. } = *unsafe { front.as_ref() };
        // SAFETY: the caller's duty, and mapped with this length.
        unsafe { private::unmap(NonNull::from(turn).cast(), mem::size_of::<Turn>()) };
        // SAFETY: the caller's duty, and mapped with this length.
        unsafe { private::unmap(front.cast(), bytes) };
    }

    /// Takes the turn where that is quick. If it is not, [`Front::take_turn`] is to be asked.
    #[inline]
    pub(crate) fn take_turn_again(&self) -> Option<InTurn<'_>> {
        self.turn.take_again().map(|taken| self.begin(taken))
    }

    /// Waits for the turn, and takes it.
    #[cold]
    pub(crate) fn take_turn(&self) -> InTurn<'_> {
        let taken = self.turn.take();
        if self.dirty.load(Ordering::Relaxed) != 0 {
            self.put_in_order();
        }
        self.begin(taken)
    }

    fn put_in_order(&self) {
        if let Err(damage) = self.slab.rebuild() {
            last_words::abort(format_args!("the tables of a slab pool are overwritten: {damage}"));
        }
    }

    #[inline]
    fn begin<'a>(&'a self, taken: Taken<'a>) -> InTurn<'a> {
        self.dirty.store(1, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        InTurn { work: Work { front: self }, taken }
    }
}

/// The slab, for the one whose turn it is; until this is dropped.
#[derive(Debug)]
pub(crate) struct InTurn<'a> {
    // They go in this order.
    work: Work<'a>,
    taken: Taken<'a>,
}

/// The slab is dirty, until this is dropped.
#[derive(Debug)]
struct Work<'a> {
    front: &'a Front,
}

impl InTurn<'_> {
    #[inline]
    pub(crate) fn slab(&self) -> &Slab<'_> {
        &self.work.front.slab
    }

    #[inline]
    pub(crate) fn pages(&self) -> Region {
        self.work.front.pages
    }

    /// Ends the turn, and returns the value.
    #[inline]
    pub(crate) fn end_with<T>(self, value: T) -> T {
        let Self { work, taken } = self;
        drop(work);
        taken.end_with(value)
    }
}

impl Drop for Work<'_> {
    #[inline]
    fn drop(&mut self) {
        self.front.dirty.store(0, Ordering::Release);
    }
}

/// Where the tables lie in so many bytes.
const fn tables_in(bytes: usize) -> Tables {
    Tables::fit(mem::size_of::<Front>(), bytes)
}

const _: () = assert!(mem::size_of::<Front>() % 8 == 0);
