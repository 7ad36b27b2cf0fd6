//! Random operations on pools and their scopes, held against a naive oracle after each step.
#![cfg(feature = "allocator-api2")]
#![expect(unsafe_code, reason = "calls the raw functions and uses the memory they hand out")]

use std::alloc::Layout;
use std::iter;
use std::mem;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Arc, LazyLock, Mutex};

use allocator_api2::alloc::Allocator;
use aquifer::{Deferred, Pool, PoolBuilder, PoolStats};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

const LARGEST_THRESHOLD: usize = 16 << 10;
const SEEDS: usize = 251;

/// What blocks are filled with: the block of seed `n` with what begins at byte `n`.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let scrambled = |n: u32| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8;
    (0..3 * LARGEST_THRESHOLD as u32 + SEEDS as u32).map(scrambled).collect()
});

/// What is done to the innermost open pool. `Alloc` may ask a pool further outward instead, and
/// `Dealloc` and `Resize` may meet a block of one. An age picks among what is there, newest first.
/// Nobody looks at the accounts during a `Burst`: looking saves the cursor to its block, which
/// would hide that it is not saved elsewhere.
#[derive(Clone, Debug)]
enum Step {
    Alloc { layout: Layout, zeroed: bool, outward: usize },
    Burst(Vec<Layout>),
    Dealloc { age: usize },
    Resize { age: usize, size: Option<usize>, align: Option<usize> },
    Keep(Bulk),
    Defer,
    Cancel { age: usize },
    RunNow { age: usize },
    Scope { steps: Vec<Step>, panics: bool },
}

/// How large a value for the pool to drop is.
#[derive(Clone, Copy, Debug)]
enum Bulk {
    None,
    Small,
    Large,
}

/// What needs the pool by itself, without scopes and tokens.
#[derive(Clone, Debug)]
enum Turn {
    Reset,
    Limit(usize),
}

type History = Vec<(Vec<Step>, Turn)>;

fn histories(threshold: usize) -> impl Strategy<Value = History> {
    let limits = prop_oneof![Just(usize::MAX), 0..threshold, 0..20 * threshold];
    let turns = prop_oneof![1 => Just(Turn::Reset), 1 => limits.prop_map(Turn::Limit)];
    vec((steps(threshold, 0..40, 3), turns), 1..4)
}

fn steps(threshold: usize, count: Range<usize>, depth: usize) -> BoxedStrategy<Vec<Step>> {
    if depth == 0 {
        return vec(single_steps(threshold), count).boxed();
    }
    let inside = (steps(threshold, 0..10, depth - 1), any::<bool>());
    let scopes = inside.prop_map(|(steps, panics)| Step::Scope { steps, panics });
    vec(prop_oneof![14 => single_steps(threshold), 1 => scopes], count).boxed()
}

fn single_steps(threshold: usize) -> impl Strategy<Value = Step> {
    let layouts = || {
        let parts = (sizes(threshold), aligns());
        parts.prop_map(|(size, align)| Layout::from_size_align(size, align).unwrap())
    };
    let outward = prop_oneof![5 => Just(0), 1 => 1..3_usize];
    let ages = || prop_oneof![1 => Just(0), 2 => 0..30_usize];
    let bulks = prop_oneof![Just(Bulk::None), Just(Bulk::Small), Just(Bulk::Large)];
    prop_oneof![
        10 => (layouts(), any::<bool>(), outward)
            .prop_map(|(layout, zeroed, outward)| Step::Alloc { layout, zeroed, outward }),
        1 => vec(layouts(), 2..10).prop_map(Step::Burst),
        4 => ages().prop_map(|age| Step::Dealloc { age }),
        7 => (ages(), weighted(0.8, sizes(threshold)), weighted(0.3, aligns()))
            .prop_map(|(age, size, align)| Step::Resize { age, size, align }),
        2 => bulks.prop_map(Step::Keep),
        3 => Just(Step::Defer),
        1 => ages().prop_map(|age| Step::Cancel { age }),
        1 => ages().prop_map(|age| Step::RunNow { age }),
    ]
}

fn sizes(threshold: usize) -> impl Strategy<Value = usize> {
    prop_oneof![
        5 => 1..200_usize,
        4 => 1..6_usize,
        3 => 64..68_usize,
        4 => 1..threshold,
        1 => Just(0),
        1 => threshold - 1..threshold + 2,
        2 => threshold..3 * threshold,
    ]
}

fn aligns() -> impl Strategy<Value = usize> {
    let logs = prop_oneof![8 => Just(0), 8 => 0..5_u32, 6 => 5..14_u32, 1 => 14..21_u32];
    logs.prop_map(|log| 1 << log)
}

/// How something that was registered in a pool ended. `Spoiled` was dropped after something else
/// had written to it; `Followed` was registered by the closure of its number, and dropped.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    Dropped(usize),
    Spoiled(usize),
    Called(usize),
    Followed(usize),
}

type Log = Arc<Mutex<Vec<End>>>;

/// Logs its end.
struct Ending {
    end: End,
    log: Log,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.log.lock().unwrap().push(self.end);
    }
}

/// A value for the pool to drop.
struct Kept<const BYTES: usize> {
    ending: Ending,
    seed: usize,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Drop for Kept<BYTES> {
    fn drop(&mut self) {
        if let (End::Dropped(id), false) = (self.ending.end, self.bytes == pattern(self.seed)) {
            self.ending.end = End::Spoiled(id);
        }
    }
}

fn pattern<const BYTES: usize>(seed: usize) -> [u8; BYTES] {
    PATTERN[seed..][..BYTES].try_into().unwrap()
}

/// Memory that was handed out and not given back, filled with the pattern of its seed.
#[derive(Clone, Copy, Debug)]
struct Live {
    start: NonNull<u8>,
    layout: Layout,
    seed: usize,
    /// The depth of its pool.
    owner: usize,
    /// For the pool to drop, or to stay until it is reset: not the oracle's to give back.
    kept: bool,
}

impl Live {
    fn pattern(&self) -> &'static [u8] {
        &PATTERN[self.seed..][..self.layout.size()]
    }

    /// The first bytes of the block.
    ///
    /// # Safety
    /// The block is live, at least so long, and so many of its bytes are written.
    unsafe fn bytes(&self, len: usize) -> &[u8] {
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), len) }
    }

    /// Writes the pattern from byte `from` on.
    ///
    /// # Safety
    /// The block is live and at least so long.
    unsafe fn fill(&self, from: usize) {
        let rest = &self.pattern()[from..];
        // SAFETY: the caller's promise.
        let to = unsafe { self.start.add(from) };
        // SAFETY: the block ends where its pattern does.
        unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), to.as_ptr(), rest.len()) };
    }

    /// Where it ends.
    fn end(&self) -> usize {
        self.start.addr().get() + self.layout.size()
    }

    fn is_large(&self, threshold: usize) -> bool {
        self.layout.size().next_multiple_of(self.layout.align()) > threshold
    }
}

/// An open pool or scope, and those around it.
struct Open<'a> {
    pool: &'a Pool,
    depth: usize,
    outer: Option<&'a Open<'a>>,
}

impl Open<'_> {
    fn at(&self, depth: usize) -> &Pool {
        self.chain().find(|open| open.depth == depth).unwrap().pool
    }

    /// The accounts of all open pools, outermost first.
    fn stats(&self) -> Vec<PoolStats> {
        let mut stats: Vec<_> = self.chain().map(|open| open.pool.stats()).collect();
        stats.reverse();
        stats
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        iter::successors(Some(self), |open| open.outer)
    }
}

/// A closure that can be cancelled or called.
struct Token<'pool> {
    id: usize,
    deferred: Deferred<'pool>,
}

/// What a family of pools ought to hold.
struct Oracle {
    threshold: usize,
    retain: usize,
    live: Vec<Live>,
    /// The ends that are still to come, by the depth of the pool, oldest first.
    pending: Vec<Vec<End>>,
    log: Log,
    /// The accounts at the last check.
    last: Vec<PoolStats>,
    /// How many blocks and registrations there were: their numbers and seeds.
    made: usize,
}

impl Oracle {
    fn new(pool: &Pool, threshold: usize, retain: usize) -> Self {
        let (live, pending, last) = (Vec::new(), vec![Vec::new()], vec![pool.stats()]);
        Self { threshold, retain, live, pending, log: Log::default(), last, made: 0 }
    }

    fn run(&mut self, open: &Open<'_>, steps: &[Step]) {
        let mut tokens = Vec::new();
        for step in steps {
            match step {
                Step::Alloc { layout, zeroed, outward } => {
                    self.alloc(open, open.depth.saturating_sub(*outward), *layout, *zeroed);
                }
                Step::Burst(layouts) => self.burst(open, layouts),
                Step::Dealloc { age } => self.dealloc(open, *age),
                Step::Resize { age, size, align } => self.resize(open, *age, *size, *align),
                Step::Keep(Bulk::None) => self.keep::<0>(open),
                Step::Keep(Bulk::Small) => self.keep::<100>(open),
                Step::Keep(Bulk::Large) => self.keep::<3000>(open),
                Step::Defer => tokens.extend(self.defer(open)),
                Step::Cancel { age } => self.cancel(take(&mut tokens, *age)),
                Step::RunNow { age } => self.run_now(take(&mut tokens, *age)),
                Step::Scope { steps, panics } => self.scope(open, steps, *panics),
            }
            self.check(open);
        }
    }

    fn number(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    fn alloc(&mut self, open: &Open<'_>, owner: usize, layout: Layout, zeroed: bool) {
        let pool = open.at(owner);
        let start = if zeroed { pool.allocate_zeroed(layout) } else { pool.allocate(layout) };
        self.check_answer(open, layout, start.is_ok(), layout.size() == 0);
        let Ok(start) = start.map(NonNull::cast::<u8>) else { return };
        if zeroed {
            // SAFETY: just handed out with this size, all of it written with zeros.
            let bytes = unsafe { slice::from_raw_parts(start.as_ptr(), layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == 0), "not zeroed: {layout:?}");
        }
        self.adopt(start, layout, owner);
    }

    fn burst(&mut self, open: &Open<'_>, layouts: &[Layout]) {
        for layout in layouts {
            if let Ok(start) = open.pool.allocate(*layout) {
                self.adopt(start.cast(), *layout, open.depth);
            }
            // What stays may end anywhere, and so may leave the next request an odd place.
            let stays = Layout::array::<u8>(layout.size() % 40).unwrap();
            if let Ok(start) = open.pool.alloc_layout(stays) {
                self.adopt(start, stays, open.depth);
                self.live.last_mut().unwrap().kept = true;
            }
        }
    }

    /// Fills a block that was just handed out.
    fn adopt(&mut self, start: NonNull<u8>, layout: Layout, owner: usize) {
        let block = Live { start, layout, seed: self.number() % SEEDS, owner, kept: false };
        // SAFETY: just handed out with this layout.
        unsafe { block.fill(0) };
        self.live.push(block);
    }

    /// Where the block of an age is among the live ones.
    fn pick(&self, age: usize) -> Option<usize> {
        let raw: Vec<_> = (0..self.live.len()).rev().filter(|at| !self.live[*at].kept).collect();
        raw.get(age.checked_rem(raw.len())?).copied()
    }

    fn dealloc(&mut self, open: &Open<'_>, age: usize) {
        let Some(at) = self.pick(age) else { return };
        let block = self.live.remove(at);
        // SAFETY: the block was handed out with this layout by this pool, and is live no longer.
        unsafe { open.at(block.owner).deallocate(block.start, block.layout) };
        self.check_answer(open, block.layout, true, block.layout.size() == 0);
        self.check_given_back(open, &block);
    }

    /// What was given back no longer counts as in use, unless it is too small to be kept.
    fn check_given_back(&self, open: &Open<'_>, block: &Live) {
        /// The bytes that are kept, and those that the size may have been rounded up by.
        const LEAST: usize = 16;
        const PADDING: usize = 7;
        let in_use = |stats: &PoolStats| stats.used + stats.large;
        let (before, now) = (in_use(&self.last[block.owner]), in_use(&open.stats()[block.owner]));
        let least = block.layout.size().saturating_sub(PADDING);
        assert!(now <= before, "{block:?}");
        assert!(least < LEAST || now + least <= before, "still in use: {block:?}");
    }

    fn resize(&mut self, open: &Open<'_>, age: usize, size: Option<usize>, align: Option<usize>) {
        let Some(at) = self.pick(age) else { return };
        let old @ Live { start, layout, .. } = self.live[at];
        let (size, align) = (size.unwrap_or(layout.size()), align.unwrap_or(layout.align()));
        let new = Layout::from_size_align(size, align).unwrap();
        let pool = open.at(old.owner);
        // Where only the alignment changes, either function will do.
        let moved = if (size, align) > (layout.size(), layout.align()) {
            // SAFETY: live, of this pool and layout, and the new size is at least the old one.
            unsafe { pool.grow(start, layout, new) }
        } else {
            // SAFETY: live, of this pool and layout, and the new size is at most the old one.
            unsafe { pool.shrink(start, layout, new) }
        };
        self.check_answer(open, new, moved.is_ok(), layout.size() == 0 && size == 0);
        let Ok(start) = moved.map(NonNull::cast::<u8>) else { return };
        let block = Live { start, layout: new, ..old };
        let kept = layout.size().min(size);
        // SAFETY: just handed out; the bytes of both sizes were copied from the old block.
        let bytes = unsafe { block.bytes(kept) };
        assert!(bytes == &block.pattern()[..kept], "{old:?} changed on its way to {block:?}");
        // SAFETY: just handed out.
        unsafe { block.fill(kept) };
        self.live.remove(at);
        self.live.push(block);
    }

    fn keep<const BYTES: usize>(&mut self, open: &Open<'_>) {
        let id = self.number();
        let (end, seed, owner) = (End::Dropped(id), id % SEEDS, open.depth);
        let ending = Ending { end, log: Arc::clone(&self.log) };
        let kept = open.pool.alloc_drop(Kept { ending, seed, bytes: pattern::<BYTES>(seed) });
        self.check_answer(open, Layout::new::<Kept<BYTES>>(), kept.is_ok(), false);
        match kept {
            Ok(kept) => {
                let start = NonNull::from(&mut kept.bytes).cast();
                let layout = Layout::new::<[u8; BYTES]>();
                self.live.push(Live { start, layout, seed, owner, kept: true });
                self.pending[owner].push(end);
            }
            Err(refused) => self.check_refused(refused.into_value(), end),
        }
    }

    /// Registers a closure that uses the pool in every way: it leaves a piece and a follower.
    fn defer<'pool>(&mut self, open: &Open<'pool>) -> Option<Token<'pool>> {
        /// Large in some pools, small in others.
        const PIECE: Layout = Layout::new::<[u64; 375]>();
        let id = self.number();
        let ending = Ending { end: End::Dropped(id), log: Arc::clone(&self.log) };
        let deferred = open.pool.defer(move |pool| {
            let mut ending = ending;
            ending.end = End::Called(id);
            let follower = Ending { end: End::Followed(id), log: Arc::clone(&ending.log) };
            drop(ending);
            let piece = pool.allocate_zeroed(PIECE);
            let _ = pool.alloc_drop(follower);
            if let Ok(piece) = piece {
                // SAFETY: handed out above with this layout, and used by nobody.
                unsafe { pool.deallocate(piece.cast(), PIECE) };
            }
        });
        self.check_answer(open, Layout::new::<Ending>(), deferred.is_ok(), false);
        match deferred {
            Ok(deferred) => {
                self.pending[open.depth].push(End::Called(id));
                Some(Token { id, deferred })
            }
            Err(refused) => {
                self.check_refused(refused.into_value(), End::Dropped(id));
                None
            }
        }
    }

    /// What found no place comes back whole, and ends when its owner drops it.
    fn check_refused<T>(&self, value: T, end: End) {
        assert_eq!(self.ended(), []);
        drop(value);
        assert_eq!(self.ended(), [end]);
    }

    fn cancel(&mut self, token: Option<Token<'_>>) {
        let Some(Token { id, deferred }) = token else { return };
        deferred.cancel();
        assert_eq!(self.ended(), [End::Dropped(id)]);
        self.pending.last_mut().unwrap().retain(|end| *end != End::Called(id));
    }

    fn run_now(&mut self, token: Option<Token<'_>>) {
        let Some(Token { id, deferred }) = token else { return };
        deferred.run_now();
        let pending = self.pending.last_mut().unwrap();
        pending.retain(|end| *end != End::Called(id));
        pending.push(End::Followed(id));
        let ended = self.ended();
        if ended.len() > 1 {
            // There was no memory for what follows, so that it ended at once.
            self.pending.last_mut().unwrap().pop();
            assert_eq!(ended, [End::Called(id), End::Followed(id)]);
        } else {
            assert_eq!(ended, [End::Called(id)]);
        }
    }

    fn scope(&mut self, open: &Open<'_>, steps: &[Step], panics: bool) {
        struct Planned;
        let depth = open.depth + 1;
        self.pending.push(Vec::new());
        let ran = panic::catch_unwind(AssertUnwindSafe(|| {
            open.pool.scope(|scope| {
                let inner = Open { pool: scope, depth, outer: Some(open) };
                self.check(&inner);
                self.run(&inner, steps);
                if panics {
                    panic::resume_unwind(Box::new(Planned));
                }
            });
        }));
        match ran {
            Ok(()) => assert!(!panics, "the scope swallowed a panic"),
            Err(payload) if payload.is::<Planned>() => {}
            Err(payload) => panic::resume_unwind(payload),
        }
        self.end_pool();
    }

    /// All that was registered in the innermost pool has ended by now, newest first.
    fn end_pool(&mut self) {
        let pending = self.pending.pop().unwrap();
        let mut expected = Vec::new();
        for end in pending.into_iter().rev() {
            expected.push(end);
            if let End::Called(id) = end {
                expected.push(End::Followed(id));
            }
        }
        assert_eq!(self.ended(), expected);
        let depth = self.pending.len();
        self.live.retain(|block| block.owner < depth);
    }

    /// What has ended since the last call.
    fn ended(&self) -> Vec<End> {
        mem::take(&mut self.log.lock().unwrap())
    }

    /// A request is refused for the limit only, and then no pool's accounts have changed.
    fn check_answer(&self, open: &Open<'_>, layout: Layout, granted: bool, is_empty: bool) {
        let now = open.stats();
        if is_empty {
            assert!(granted);
            assert_eq!(now, self.last, "an empty request changed the accounts");
        }
        let refused = u64::from(!granted);
        assert_eq!(now[0].limit_hits, self.last[0].limit_hits + refused);
        if granted {
            return;
        }
        /// A pool's headers of a block, of a large request and of a cleanup are below this.
        const HEADERS: usize = 128;
        let most = layout.pad_to_align().size() + layout.align() + HEADERS;
        let needed = now[0].charged - now[0].spare;
        assert!(needed.saturating_add(most) > now[0].limit, "refused without need: {layout:?}");
        for (now, last) in now.iter().zip(&self.last) {
            let accounts = |of: &PoolStats| [of.used, of.free, of.lost, of.large, of.held];
            assert_eq!(accounts(now), accounts(last), "a refused request changed the accounts");
        }
    }

    fn check(&mut self, open: &Open<'_>) {
        assert_eq!(self.ended(), [], "nothing ends unasked");
        self.check_live();
        let stats = open.stats();
        for (depth, stats) in stats.iter().enumerate() {
            self.check_pool(depth, stats);
        }
        self.check_family(&stats);
        self.last = stats;
    }

    /// Live blocks are aligned, keep their contents and stand apart.
    fn check_live(&self) {
        for block in &self.live {
            assert_eq!(block.start.addr().get() % block.layout.align(), 0, "{block:?}");
            // SAFETY: live blocks are filled to their end.
            let bytes = unsafe { block.bytes(block.layout.size()) };
            assert!(bytes == block.pattern(), "overwritten: {block:?}");
        }
        let mut blocks: Vec<_> = self.live.iter().filter(|it| it.layout.size() != 0).collect();
        blocks.sort_by_key(|block| block.start);
        for pair in blocks.windows(2) {
            assert!(pair[0].end() <= pair[1].start.addr().get(), "overlap: {pair:?}");
        }
    }

    /// The accounts of a pool add up, and cover its live blocks.
    fn check_pool(&self, depth: usize, stats: &PoolStats) {
        let parts = stats.used + stats.free + stats.lost + stats.large + stats.headers;
        assert_eq!(stats.held, parts, "{stats:?}");
        let (mut small, mut large, mut most_large) = (0, 0, 0);
        for block in self.live.iter().filter(|block| block.owner == depth) {
            if block.is_large(self.threshold) {
                large += block.layout.size();
                most_large += block.layout.size() + block.layout.align().max(128);
            } else {
                small += block.layout.size();
            }
        }
        assert!(small <= stats.used, "{small} bytes are live: {stats:?}");
        assert!((large..=most_large).contains(&stats.large), "{large} bytes are live: {stats:?}");
    }

    /// The accounts of the family add up, and keep to the limits.
    fn check_family(&self, stats: &[PoolStats]) {
        let (family, last) = (stats[0], self.last[0]);
        let held: usize = stats.iter().map(|stats| stats.held).sum();
        assert_eq!(family.charged, held + family.spare, "{stats:?}");
        assert!(family.charged <= family.limit.max(last.charged), "over the limit: {family:?}");
        assert!(family.spare <= self.retain, "{family:?}");
        assert!(family.high_water >= family.charged.max(last.high_water), "{family:?}");
        for member in stats {
            assert_eq!((member.charged, member.spare), (family.charged, family.spare));
        }
    }

    fn reset(&mut self, pool: &mut Pool) {
        pool.reset();
        self.end_pool();
        self.pending.push(Vec::new());
        let stats = pool.stats();
        assert_eq!((stats.used, stats.large, stats.lost), (0, 0, 0), "{stats:?}");
        assert!(stats.charged <= self.retain, "{stats:?}");
    }
}

fn take<'pool>(tokens: &mut Vec<Token<'pool>>, age: usize) -> Option<Token<'pool>> {
    let age = age.checked_rem(tokens.len())?;
    Some(tokens.swap_remove(tokens.len() - 1 - age))
}

/// Runs a history on a new pool with these settings.
fn agrees(settings: PoolBuilder, threshold: usize, retain: usize, history: &History) {
    let mut pool = settings.large_threshold(threshold).retain(retain).build();
    let mut oracle = Oracle::new(&pool, threshold, retain);
    for (steps, turn) in history {
        oracle.run(&Open { pool: &pool, depth: 0, outer: None }, steps);
        match *turn {
            Turn::Reset => oracle.reset(&mut pool),
            Turn::Limit(bytes) => pool.set_limit(bytes),
        }
        oracle.check(&Open { pool: &pool, depth: 0, outer: None });
    }
    drop(pool);
    oracle.end_pool();
    assert_eq!(Arc::strong_count(&oracle.log), 1, "something was never dropped");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pool_with_default_settings_agrees_with_the_oracle(history in histories(16 << 10)) {
        agrees(Pool::builder(), 16 << 10, 512 << 10, &history);
    }

    #[test]
    fn a_pool_of_tiny_blocks_agrees_with_the_oracle(history in histories(512)) {
        let settings = Pool::builder().first_block_size(256).largest_block_size(256);
        agrees(settings, 512, 0, &history);
    }

    #[test]
    fn a_pool_of_odd_sizes_agrees_with_the_oracle(history in histories(600)) {
        let settings = Pool::builder().first_block_size(1001).largest_block_size(5555);
        agrees(settings, 600, 7777, &history);
    }

    #[test]
    fn a_pool_with_a_limit_agrees_with_the_oracle(
        limit in prop_oneof![0..64_usize, 0..5_000_usize, 0..60_000_usize],
        history in histories(2048),
    ) {
        agrees(Pool::builder().limit(limit), 2048, 8 << 10, &history);
    }
}
