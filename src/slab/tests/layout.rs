//! What lies on a slab's pages, run by run: read off a slab, or a slab made of it.

use super::operation::Operation;
use super::owner::Owner;
use crate::geometry::Class;
use crate::slab::damage::Damage;
use crate::slab::page::State;
use crate::slab::slab::Slab;

/// Pages that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Run {
    /// So many free pages.
    Free(u32),
    /// So many pages that are handed out together.
    Whole(u32),
    /// A run of a class: the bytes of a block, and how many blocks are taken.
    Blocks(usize, u32),
}

/// Reads the runs off a slab, from the first page on.
pub(super) fn runs_of(slab: Slab<'_>) -> Result<Vec<Run>, Damage> {
    let (mut page, mut runs) = (0, vec![]);
    while page < slab.page_count() {
        let (state, pages) = slab.run_at(page)?;
        runs.push(match state {
            State::Blocks { class } => {
                let plan = class.plan();
                Run::Blocks(plan.block_bytes as usize, plan.blocks - slab.vacant_at(page, class)?)
            }
            State::Free { .. } => Run::Free(pages),
            _ => Run::Whole(pages),
        });
        page += pages;
    }
    Ok(runs)
}

/// Makes a slab of runs that cover all pages. Of the blocks of a run the first ones are taken. If the
/// last run is free, nobody has ever had its pages.
pub(super) fn lay_out(runs: &[Run]) -> Owner {
    let mut owner = Owner::new();
    let fresh = matches!(runs.last(), Some(Run::Free(_)));
    let mut surplus = vec![];
    for run in &runs[..runs.len() - usize::from(fresh)] {
        match *run {
            Run::Whole(pages) => _ = owner.take_pages(pages),
            Run::Free(pages) => surplus.push(owner.take_pages(pages)),
            Run::Blocks(bytes, taken) => surplus.extend(take_run(&mut owner, bytes, taken)),
        }
    }
    for offset in surplus {
        owner.perform(Operation::Free { offset }).expect("it was handed out");
    }
    assert_eq!(runs_of(owner.tables().slab()).as_deref(), Ok(runs));
    owner
}

/// Takes all blocks of a new run; returns those that are to be freed.
fn take_run(owner: &mut Owner, bytes: usize, taken: u32) -> Vec<usize> {
    let blocks = Class::of(bytes, 1).expect("a class").plan().blocks;
    let allocate = Operation::Allocate { bytes, align: 1 };
    let taking = (0..blocks).map(|_| owner.perform(allocate).expect("there is room"));
    taking.collect::<Vec<_>>().split_off(taken as usize)
}
