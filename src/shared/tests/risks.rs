//! Vectors and boxes of processes that are killed in the middle of using them as anybody does: what was on its
//! way is lost at worst, and nothing else.
#![expect(unsafe_code, reason = "vouches for layouts")]

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use super::kills::{Random, lock};
use super::lists::{Owned, assert_made_of, below_end, character, part};
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::vec::ShmVec;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::guard::ShmMutexGuard;
use crate::sync::mutex::ShmMutex;

/// What workers share that are killed.
#[repr(C)]
pub(super) struct Risks {
    crowds: [ShmMutex<Risk<ShmVec<ShmString>>>; 4],
    chains: [ShmMutex<Risk<Chain>>; 4],
    /// How many blocks were on their way when somebody died.
    lost: AtomicU64,
}

/// A value, and how many blocks have no owner there at worst while somebody uses it.
#[repr(C)]
struct Risk<T> {
    value: T,
    blocks: AtomicU64,
}

type Chain = Option<ShmBox<Node>>;

#[repr(C)]
struct Node {
    number: u64,
    next: Chain,
}

// SAFETY: all of its parts are, and it has a fixed layout.
unsafe impl ShmSafe for Risks {
    const SCHEMA: Schema = Schema::new::<Self>("Risks");
}

// SAFETY: as above.
unsafe impl<T: ShmSafe> ShmSafe for Risk<T> {
    const SCHEMA: Schema = Schema::generic::<Self, T>("Risk");
}

// SAFETY: as above.
unsafe impl ShmSafe for Node {
    const SCHEMA: Schema = Schema::new::<Self>("Node");
}

impl<T> Risk<T> {
    fn new(value: T) -> Self {
        Self { value, blocks: AtomicU64::new(0) }
    }

    /// Changes the value, with so many blocks at risk.
    fn change(&mut self, blocks: usize, change: impl FnOnce(&mut T)) {
        self.blocks.swap(blocks as u64, Ordering::AcqRel);
        change(&mut self.value);
        self.blocks.swap(0, Ordering::AcqRel);
    }
}

impl Risks {
    pub(super) fn new(heap: &SharedHeap) -> Self {
        Self {
            crowds: array::from_fn(|_| ShmMutex::new(Risk::new(ShmVec::new_in(heap)))),
            chains: array::from_fn(|_| ShmMutex::new(Risk::new(None))),
            lost: AtomicU64::new(0),
        }
    }

    pub(super) fn use_one(&self, heap: &SharedHeap, random: &mut Random) {
        let index = random.below(4) as usize;
        match random.below(2) {
            0 => use_crowd(&mut self.crowd(index, heap), character(index), heap, random),
            _ => use_chain(&mut self.chain(index), index as u64, heap, random),
        }
    }

    fn crowd(&self, index: usize, heap: &SharedHeap) -> ShmMutexGuard<'_, Risk<ShmVec<ShmString>>> {
        lock(&self.crowds[index], |crowd| {
            part(&mut crowd.value, heap);
            self.lose(&crowd.blocks);
        })
    }

    fn chain(&self, index: usize) -> ShmMutexGuard<'_, Risk<Chain>> {
        lock(&self.chains[index], |chain| self.lose(&chain.blocks))
    }

    /// Counts what was at risk when somebody died: rather twice than never, if this process dies, too.
    fn lose(&self, blocks: &AtomicU64) {
        self.lost.fetch_add(blocks.load(Ordering::Acquire), Ordering::AcqRel);
        blocks.store(0, Ordering::Release);
    }

    /// How many blocks they own; each has one owner. And how many may be lost.
    pub(super) fn blocks(&self, heap: &SharedHeap) -> (usize, u64) {
        let mut owned = Owned::default();
        for index in 0..4 {
            owned.add_names(&self.crowd(index, heap).value);
            let chain = self.chain(index);
            nodes(&chain.value).for_each(|node| owned.add(node.handle.bits()));
        }
        (owned.0.len(), self.lost.load(Ordering::Acquire))
    }
}

/// The boxes of a chain.
fn nodes(chain: &Chain) -> impl Iterator<Item = &ShmBox<Node>> {
    std::iter::successors(chain.as_ref(), |node| node.next.as_ref())
}

/// The end of a chain: where there is no box, or the last one.
fn end(mut chain: &mut Chain, is_last: impl Fn(&Node) -> bool) -> &mut Chain {
    while chain.as_ref().is_some_and(|node| !is_last(node)) {
        chain = &mut chain.as_mut().expect("looked at just now").next;
    }
    chain
}

fn use_crowd(
    crowd: &mut Risk<ShmVec<ShmString>>,
    character: char,
    heap: &SharedHeap,
    random: &mut Random,
) {
    const MOST: usize = 10;
    assert_made_of(character, &crowd.value);
    let (at, length) = (below_end(&crowd.value, random), crowd.value.len());
    let (count, many) = (random.below(4) as usize, random.below(20) as usize + 1);
    let name = || ShmString::from_str_in(&String::from_iter(vec![character; many]), heap);
    let stays = |name: &ShmString| name.len() % 3 > 0;
    match random.below(9) {
        // The last one goes behind the end before all of them are counted.
        0 | 1 if length < MOST => crowd.change(2, |crowd| {
            _ = name().map(|name| crowd.insert(at, name));
        }),
        2 if length < MOST => crowd.change(1, |crowd| _ = name().map(|name| crowd.push(name))),
        3 => crowd.change(1, |crowd| drop(crowd.pop())),
        4 if length > 0 => crowd.change(1, |crowd| drop(crowd.remove(at))),
        5 if length > 0 => crowd.change(1, |crowd| drop(crowd.swap_remove(at))),
        6 => {
            let end = (at + count).min(length);
            crowd.change((end - at).max(1), |crowd| drop(crowd.drain(at..end)));
        }
        7 => {
            let goes = crowd.value.iter().filter(|name| !stays(name)).count();
            crowd.change(goes.max(1), |crowd| crowd.retain(stays));
        }
        // The other vector has a block, too.
        8 => crowd.change(length - at + 1, |crowd| {
            if let Ok(mut other) = crowd.split_off(at) {
                _ = crowd.append(&mut other);
            }
        }),
        _ => crowd.change(length - at, |crowd| crowd.truncate(at)),
    }
}

fn use_chain(chain: &mut Risk<Chain>, number: u64, heap: &SharedHeap, random: &mut Random) {
    const MOST: usize = 10;
    let length = nodes(&chain.value).inspect(|node| assert_eq!(node.number, number)).count();
    match random.below(8) {
        0..4 if length < MOST => chain.change(0, |chain| {
            _ = ShmBox::insert_in(end(chain, |_| false), Node { number, next: None }, heap);
        }),
        4 if length < MOST => chain.change(length, |chain| {
            let node = Node { number, next: chain.take() };
            if let Err(error) = ShmBox::insert_in(chain, node, heap) {
                *chain = error.into_value().next;
            }
        }),
        5 => chain.change(length, ShmBox::remove_from),
        _ => chain.change(1, |chain| ShmBox::remove_from(end(chain, |node| node.next.is_none()))),
    }
}
