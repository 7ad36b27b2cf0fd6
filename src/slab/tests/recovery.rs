//! What a death has left, put in order and looked at from all sides.

use super::fixed_tables::{FixedTables, PAGES};
use super::layout::{Run, runs_of};
use super::owner::Live;
use crate::geometry::PAGE_BYTES;
use crate::slab::damage::Damage;
use crate::slab::slab::Slab;

/// What is found after a death.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) live: Live,
    pub(super) runs: Vec<Run>,
    /// The first page that is said to be fresh.
    pub(super) fresh: u32,
}

/// What is wrong with what a death has left.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Harm {
    /// It cannot be put in order, or is not in order afterwards.
    Damaged(Damage),
    /// This is handed out, which is neither what was before the operation nor what is after it.
    Live(Live),
    /// To put it in order once is not the same as twice.
    Restless([Vec<Run>; 2]),
    /// When all is freed, the pages are not one run again.
    Leaking,
    /// A block is still pending: who dies next would have it freed, whoever has it then.
    Pending,
    /// Pages from here on are said to be fresh, and somebody has had them.
    Fresh(u32),
    /// The operation does not do what it does without a tracer.
    Strange,
}

impl From<Damage> for Harm {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// Puts in order what is left.
pub(super) fn recover(leftover: &FixedTables) -> Result<Recovered, Harm> {
    let tables = leftover.copy();
    let slab = tables.slab();
    slab.recover()?;
    if slab.is_pending() {
        return Err(Harm::Pending);
    }
    let (live, runs) = (live_of(slab)?, runs_of(slab)?);
    let fresh = slab.header.fresh.get();
    slab.recover()?;
    let (live_again, runs_again) = (live_of(slab)?, runs_of(slab)?);
    if (&live, &runs) != (&live_again, &runs_again) {
        return Err(Harm::Restless([runs, runs_again]));
    }
    if !comes_to_one_run(slab, &live) {
        return Err(Harm::Leaking);
    }
    Ok(Recovered { live, runs, fresh })
}

/// What is handed out, if everything agrees.
pub(super) fn live_of(slab: Slab<'_>) -> Result<Live, Damage> {
    let mut live = vec![];
    slab.check(|offset, bytes| live.push((offset, bytes)))?;
    Ok(live)
}

/// Frees all, and takes all pages at once.
fn comes_to_one_run(slab: Slab<'_>, live: &Live) -> bool {
    let all_freed = live.iter().all(|&(offset, _)| slab.free(offset).is_ok());
    let all = slab.allocate(PAGES * PAGE_BYTES, 1);
    all_freed && all.is_some_and(|grant| grant.offset == 0)
}
