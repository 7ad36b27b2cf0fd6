//! A slab whose owner dies before each store of random operations, and again before stores of what puts
//! that in order. `src/slab/tests/steps.rs` shows on the machine code that stores are all that matters,
//! and come in this order; here are a thousand times as many deaths.
//!
//! `AQUIFER_DEATHS=1000 cargo test --release --test slab_deaths` goes through so many sequences of operations.

// A copy of the slab, whose numbers are mortal.
#[path = "slab_deaths/mortal.rs"]
mod atomic;
#[path = "../src/geometry.rs"]
#[allow(dead_code, reason = "the library uses all of it")]
mod geometry;
#[path = "../src/slab"]
#[allow(dead_code, unreachable_pub, reason = "the library uses all of it")]
mod slab {
    pub(crate) mod bins;
    pub(crate) mod blocks;
    pub(crate) mod check;
    pub(crate) mod damage;
    pub(crate) mod free_runs;
    pub(crate) mod header;
    pub(crate) mod journal;
    pub(crate) mod list;
    pub(crate) mod page;
    pub(crate) mod recover;
    pub(crate) mod resize;
    #[expect(clippy::module_inception, reason = "as in the library")]
    pub(crate) mod slab;
}
#[path = "slab_deaths/operation.rs"]
mod operation;
#[path = "slab_deaths/state.rs"]
mod state;

use std::env;

use atomic::{dies_after, stores_of};
use operation::{Operation, Wishes};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use state::{Live, State};

const SEQUENCES: u64 = 50;
/// The operations of a sequence in which somebody dies, and the most before these.
const OPERATIONS: usize = 40;
const PEACEFUL: usize = 400;

#[test]
fn an_owner_may_die_before_any_store() {
    let sequences = env::var("AQUIFER_DEATHS").map_or(SEQUENCES, |count| count.parse().unwrap());
    let deaths: u64 = (0..sequences).map(play).sum();
    println!("{sequences} sequences, {deaths} deaths");
    assert!(deaths > sequences * OPERATIONS as u64);
}

/// Plays a sequence of operations; returns how often somebody died.
fn play(seed: u64) -> u64 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let state = State::new(random.random_range(1..60), random.random_range(0..9));
    let mut wishes = Wishes::new(&mut random);
    let (mut live, mut deaths) = (vec![], 0);
    for _ in 0..random.random_range(0..PEACEFUL) {
        wishes.next(&mut random, &live).perform(state.slab());
        live = state.live();
    }
    for _ in 0..OPERATIONS {
        let operation = wishes.next(&mut random, &live);
        (live, deaths) = Deaths { state: &state, operation, live, count: deaths }.die(&mut random);
    }
    state.empty(&live);
    deaths
}

/// An operation of which the owner dies.
struct Deaths<'a> {
    state: &'a State,
    operation: Operation,
    /// What is handed out before it.
    live: Live,
    count: u64,
}

impl Deaths<'_> {
    /// Dies before each store in turn. Leaves what comes of the operation, or of one of these deaths;
    /// returns what is handed out then, and the deaths so far.
    fn die(mut self, random: &mut TestRng) -> (Live, u64) {
        let before = self.state.copy();
        let stores = stores_of(|| self.operation.perform(self.state.slab()));
        let mut next = (self.state.copy(), self.state.live());
        let after = next.1.clone();
        let goes_on_from = random.random_range(0..2 * stores + 1);
        let mut is_done = false;
        for store in 0..stores {
            self.state.put_back(&before);
            assert!(dies_after(store, || self.operation.perform(self.state.slab())));
            let leftover = self.state.copy();
            self.state.slab().recover().unwrap();
            let live = self.state.live();
            let (is_before, is_after) = (live == self.live, live == after);
            let may_be_done = !matches!(self.operation, Operation::Allocate { .. });
            let is_right = is_before && !is_done || is_after && may_be_done;
            assert!(is_right, "{self:?}, store {store}: {live:?}");
            is_done |= !is_before;
            for more in 1..3 {
                self.state.put_back(&leftover);
                self.recover(more, random);
                assert_eq!(self.state.live(), live, "{self:?}, store {store}");
            }
            if goes_on_from == store {
                next = (self.state.copy(), live);
            }
            self.count += 1;
        }
        self.state.put_back(&next.0);
        (next.1, self.count)
    }

    /// Puts in order what is left, and dies so many times before that is done.
    fn recover(&mut self, deaths: usize, random: &mut TestRng) {
        let recover = || self.state.slab().recover().unwrap();
        for _ in 0..deaths {
            let begun = self.state.copy();
            let stores = stores_of(recover);
            self.state.put_back(&begun);
            self.count += u64::from(dies_after(random.random_range(0..stores.max(1)), recover));
        }
        recover();
    }
}

impl std::fmt::Debug for Deaths<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} with {:?}", self.operation, self.live)
    }
}
