//! `Snapshot`: a copy of a heap's head and tables, for those who look at it without its lock.
#![expect(unsafe_code, reason = "finds tables in a copy, and reads words that others write")]

use core::iter;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::thread;

use super::flight;
use super::head::{Facts, Head};
use super::sight::Sight;
use crate::region::Region;
use crate::sync::participants::{Participants, Slot};
use crate::sync::raw::Damage;

/// All words before the first page.
struct Snapshot {
    /// As aligned as the head is.
    lines: Vec<Line>,
    facts: Facts,
    pages_start: usize,
    region: Region,
}

#[repr(C, align(32))]
struct Line([AtomicU64; 4]);

/// What was seen of a heap.
pub(crate) struct Seen<T> {
    pub(crate) value: T,
    /// Whether the heap stood still meanwhile.
    pub(crate) is_exact: bool,
}

/// Looks at a heap whose lock is not taken: at a copy of its tables, and at its roots. If it changes
/// meanwhile, looks again, a bounded number of times.
///
/// What an operation has left that died in the middle is put in order first, in the copy. `None` if that
/// is no heap any more. Of a heap that is not current, of another boot or a copy, nobody is alive.
///
/// # Safety
///
/// The region is all of a heap with these facts, or of any bytes, and stays mapped meanwhile.
pub(crate) unsafe fn look<T>(
    region: Region,
    facts: Facts,
    is_current: bool,
    see: impl Fn(Sight<'_>) -> T,
) -> Option<Seen<T>> {
    const LOOKS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(1);
    let mut seen = None;
    for _ in 0..LOOKS {
        // SAFETY: the caller's duty.
        let first = unsafe { Snapshot::of(region, facts) }?;
        // SAFETY: as above.
        let copy = unsafe { Snapshot::of(region, facts) }?;
        let sight = copy.sight(is_current)?;
        let (owner, damage) = sight.head.lock_state();
        let is_held = owner.is_some_and(|owner| sight.is_alive(owner));
        if !is_held && (owner.is_some() || damage != Damage::None) {
            // What cannot be put in order is damaged, and will be seen to be.
            let _ = sight.head.intent.settle(&sight.slab, |place| sight.word(place));
        }
        if !is_held {
            flight::free_lost(&sight.head.flights, |owner| sight.is_alive(owner), &sight.slab);
        }
        let value = see(sight);
        // SAFETY: the caller's duty.
        let is_exact = !is_held && first.is(&unsafe { Snapshot::of(region, facts) }?);
        seen = Some(Seen { value, is_exact });
        if is_exact {
            break;
        }
        thread::sleep(PAUSE);
    }
    seen
}

impl Snapshot {
    /// # Safety
    ///
    /// The region is all of a heap with these facts, or of any bytes, and stays mapped while this is used.
    unsafe fn of(region: Region, facts: Facts) -> Option<Self> {
        let pages_start = facts.tables()?.pages_start();
        let words = region.at(0, pages_start)?.cast::<AtomicU64>();
        // SAFETY: within the mapping, which is aligned to pages; any bytes are atomic words.
        let words = unsafe { slice::from_raw_parts(words.as_ptr(), pages_start / 8) };
        let line = |words: &[AtomicU64; 4]| {
            Line(words.each_ref().map(|word| AtomicU64::new(word.load(Ordering::Acquire))))
        };
        let mut lines = Vec::with_capacity(words.len() / 4);
        // Pages begin at a multiple of their size, so nothing remains.
        lines.extend(words.chunks_exact(4).filter_map(|words| Some(line(words.try_into().ok()?))));
        Some(Self { lines, facts, pages_start, region })
    }

    /// Whether another has the same words.
    fn is(&self, other: &Self) -> bool {
        let words = |snapshot: &Self| {
            let lines = NonNull::from(snapshot.lines.as_slice()).cast::<AtomicU64>();
            // SAFETY: a line is four words.
            unsafe { slice::from_raw_parts(lines.as_ptr(), snapshot.lines.len() * 4) }
        };
        let same = |(one, other): (&AtomicU64, &AtomicU64)| {
            one.load(Ordering::Relaxed) == other.load(Ordering::Relaxed)
        };
        iter::zip(words(self), words(other)).all(same)
    }

    fn sight(&self, is_current: bool) -> Option<Sight<'_>> {
        let start = NonNull::from(self.lines.as_slice()).cast::<u8>();
        // SAFETY: the copy begins with the head, and is aligned as that is; any bytes are one.
        let head: &Head = unsafe { start.cast().as_ref() };
        // SAFETY: the slots lie behind the head, before the tables of the slab.
        let slots = unsafe { start.add(Facts::SLOTS_START) }.cast::<Slot>();
        // SAFETY: there are as many, and any bytes are slots.
        let slots = unsafe { slice::from_raw_parts(slots.as_ptr(), self.facts.capacity as usize) };
        // SAFETY: the copy has the tables, and a slab touches nothing else. They stay as long as this does,
        // which the result says.
        let slab = unsafe { self.facts.tables()?.find(start, 0) }?;
        let tables = (head, Participants::new(&head.participants, slots), slab);
        let pages = (self.pages_start, self.region);
        // SAFETY: the constructor's promise.
        Some(unsafe { Sight::new(self.facts, tables, pages, is_current) })
    }
}
