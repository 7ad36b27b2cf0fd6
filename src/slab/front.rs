//! A slab in private memory, and the turn of the threads that use it.
#![expect(unsafe_code, reason = "places tables in a mapping")]

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};
use std::io;

use super::damage::Damage;
use super::header::Counter;
use super::in_turn::InTurn;
use super::slab::Slab;
use super::tables::Tables;
use super::whose_turn::WhoseTurn;
use crate::geometry::PAGE_BYTES;
use crate::region::Region;
use crate::sync::turn::Taken;
use crate::sys::{last_words, private};

const CLEAN: u32 = 0;
const DIRTY: u32 = 1;
const DAMAGED: u32 = 2;

/// What lies at the beginning of the memory of a pool.
///
/// ```text
/// ┌───────┬────────┬────────────────────────┬─────┬────────┬────────┬───
/// │ front │ header │ an entry of each page  │     │ page 0 │ page 1 │ …
/// └───────┴────────┴────────────────────────┴─────┴────────┴────────┴───
///   whose turn it is lies in a page of its own, which a fork wipes
/// ```
#[derive(Debug)]
pub(crate) struct Front {
    whose: &'static WhoseTurn,
    /// How many guards there were. A fork copies it, so that no guard of a child has the number of one
    /// that has crossed the fork.
    guards: Counter,
    /// | value | state |
    /// |---|---|
    /// | [`CLEAN`] | nobody has the slab |
    /// | [`DIRTY`] | somebody has |
    /// | [`DAMAGED`] | it cannot be put in order |
    ///
    /// A child that is forked while somebody has it finds it dirty, beside a turn that nobody has had:
    /// then it puts in order what another thread of its parent had begun.
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
        let whose = WhoseTurn::map()?;
        let start = private::map(bytes).inspect_err(|_| {
            // SAFETY: mapped above, and nobody knows of it.
            unsafe { whose.unmap() };
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
        let (guards, dirty) = (Counter::default(), AtomicU32::new(CLEAN));
        let value = Self { whose, guards, dirty, slab, pages, bytes };
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
        let Self { whose, bytes, .. } = *unsafe { front.as_ref() };
        // SAFETY: the caller's duty, and mapped for this front.
        unsafe { whose.unmap() };
        // SAFETY: the caller's duty, and mapped with this length.
        unsafe { private::unmap(front.cast(), bytes) };
    }

    /// Takes the turn where that is quick. If it is not, [`Front::take_turn`] is to be asked.
    #[inline]
    pub(crate) fn take_turn_again(&self) -> Option<InTurn<'_>> {
        self.whose.turn.take_again().map(|taken| InTurn::begin(self, taken))
    }

    /// Waits for the turn, and takes it.
    ///
    /// # Errors
    ///
    /// Somebody has written into the tables. The first who finds that ends the process; this is for
    /// those who come until it has ended.
    #[cold]
    pub(crate) fn take_turn(&self) -> Result<InTurn<'_>, Damage> {
        let taken = self.whose.turn.take();
        if self.dirty.load(Ordering::Relaxed) == CLEAN {
            return Ok(InTurn::begin(self, taken));
        }
        match self.slab.recover() {
            Ok(()) => Ok(InTurn::begin(self, taken)),
            Err(damage) => self.refuse(taken, damage),
        }
    }

    /// Whoever is next comes here, too. That may be one who is told of the abort.
    fn refuse<T>(&self, taken: Taken<'_>, damage: Damage) -> Result<T, Damage> {
        let is_known = self.dirty.swap(DAMAGED, Ordering::Relaxed) == DAMAGED;
        taken.end_as_unused();
        if is_known {
            return Err(damage);
        }
        last_words::abort(format_args!("the tables of a slab pool are overwritten: {damage}"))
    }

    /// Counts a guard of the one whose turn it is; returns its number.
    #[inline]
    pub(super) fn count_guard(&self) -> u64 {
        self.guards.add_one();
        self.guards.get()
    }

    #[inline]
    pub(super) fn whose_turn(&self) -> &WhoseTurn {
        self.whose
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn slab(&self) -> &Slab<'static> {
        &self.slab
    }

    #[inline]
    pub(super) fn pages(&self) -> Region {
        self.pages
    }

    #[inline]
    pub(super) fn begin_work(&self) {
        self.dirty.store(DIRTY, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
    }

    #[inline]
    pub(super) fn end_work(&self) {
        self.dirty.store(CLEAN, Ordering::Release);
    }
}

/// Where the tables lie in so many bytes.
const fn tables_in(bytes: usize) -> Tables {
    Tables::fit(mem::size_of::<Front>(), bytes)
}

const _: () = assert!(mem::size_of::<Front>() % 8 == 0);
