//! Processes that work in the same heaps and are killed at any moment: the others go on, and nothing is lost.
#![expect(unsafe_code, reason = "forks, kills, and takes over what the dead have held")]

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use super::lists::Lists;
use super::risks::Risks;
use crate::shared::access::backing::Backing;
use crate::shared::access::options::HeapOptions;
use crate::shared::access::root::Root;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::heap::attached::Attached;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::guard::ShmMutexGuard;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;
use crate::sys::tests::child::{Child, Ending};

const WORKERS: usize = 4;

/// A place that holds a value or none.
type Place<const N: usize> = ShmMutex<Option<ShmBox<[u64; N]>>>;

/// What all workers share.
#[repr(C)]
struct Board {
    small: [Place<8>; 32],
    middle: [Place<100>; 16],
    large: [Place<9000>; 4],
    lists: Lists,
    done: AtomicU64,
    is_over: AtomicBool,
}

// SAFETY: all of its parts are, and it has a fixed layout.
unsafe impl ShmSafe for Board {
    const SCHEMA: Schema = Schema::new::<Self>("Board");
}

impl Board {
    fn new(heap: &SharedHeap) -> Self {
        Self {
            small: [const { ShmMutex::new(None) }; 32],
            middle: [const { ShmMutex::new(None) }; 16],
            large: [const { ShmMutex::new(None) }; 4],
            lists: Lists::new(heap),
            done: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Returns how long it takes until somebody has done something.
    fn pause(&self) -> Duration {
        let (begun, done) = (Instant::now(), self.done.load(Ordering::Relaxed));
        while self.done.load(Ordering::Relaxed) == done {
            assert!(begun.elapsed() < Duration::from_secs(20), "all are stuck");
            thread::yield_now();
        }
        begun.elapsed()
    }
}

/// How long nothing was done.
#[derive(Default)]
struct Pauses {
    after_kills: Vec<Duration>,
    otherwise: Vec<Duration>,
}

impl Pauses {
    /// The survivors go on at once.
    ///
    /// One kill in eight or so hits whoever has what the others need, so in one of twenty they would show it if they
    /// were slow. A machine with too much to do, or one that stops now and then, shows it as often where nobody was
    /// killed: so much is not theirs, four times over. Returns what there is to say.
    fn assert_short(mut self) -> String {
        let [after_kills, otherwise] = [&mut self.after_kills, &mut self.otherwise].map(|pauses| {
            pauses.sort_unstable();
            pauses[(pauses.len() - 1) * 95 / 100]
        });
        let longest = self.after_kills.last().unwrap();
        let text = format!(
            "nothing was done for {after_kills:.1?} after one kill in twenty, for {longest:.1?} after one, and \
             for {otherwise:.1?} at one in twenty other times"
        );
        assert!(after_kills < Duration::from_millis(100) + 4 * otherwise, "{text}");
        text
    }
}

/// Numbers that are random enough: xorshift64, by George Marsaglia.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Takes a lock, be it a dead one's: then what it protects is repaired.
pub(super) fn lock<T>(mutex: &ShmMutex<T>, repair: impl FnOnce(&mut T)) -> ShmMutexGuard<'_, T> {
    match mutex.lock() {
        Ok(guard) => guard,
        Err(LockError::OwnerDied(dead)) => {
            // SAFETY: whoever has it changes it by operations of boxes, vectors and strings alone. These
            // leave it whole at every instruction; and if an element may be there twice, `repair` sees to it.
            let mut guard = unsafe { dead.into_guard() };
            repair(&mut guard);
            ShmMutexGuard::clear_poison(&mut guard);
            guard
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn use_place<const N: usize>(place: &Place<N>, heap: &SharedHeap, random: &mut Random) {
    let mut guard = lock(place, |_| ());
    if let Some(values) = guard.as_deref() {
        assert!(values.iter().all(|value| *value == values[0]), "half a value");
    }
    match random.below(3) {
        // If there is no room, there is none.
        0 | 1 => _ = ShmBox::insert_in(&mut guard, [random.below(u64::MAX); N], heap),
        _ => ShmBox::remove_from(&mut guard),
    }
}

fn use_root(heap: &SharedHeap, random: &mut Random) {
    let number = random.below(8);
    let name = format!("root {number}");
    match random.below(3) {
        0 => _ = heap.remove_root::<[u64; 20]>(&name),
        _ => {
            if let Ok(root) = heap.root_or_insert_with(&name, || [number; 20]) {
                assert_eq!(*root, [number; 20]);
            }
        }
    }
}

/// Two heaps: in one nothing is lost, in the other what dies with a process on its way.
struct Workshop {
    heap: SharedHeap,
    board: &'static Board,
    other: SharedHeap,
    risks: &'static Risks,
}

impl Workshop {
    fn new() -> Self {
        let heap = || HeapOptions::new(2 << 20).participants(16).create(&Backing::Memfd).unwrap();
        let [heap, other] = [heap(), heap()];
        let board = Root::leak(heap.root_or_insert_with("board", || Board::new(&heap)).unwrap());
        let risks = Root::leak(other.root_or_insert_with("risks", || Risks::new(&other)).unwrap());
        Self { heap, board, other, risks }
    }

    fn work(&self, seed: u64) -> i32 {
        // Nobody is left at work if the process is stopped that would say that it is over.
        // SAFETY: the call takes numbers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let Self { heap, board, other, risks } = self;
        let mut random = Random(seed | 1);
        while !board.is_over.load(Ordering::Relaxed) {
            match random.below(16) {
                0..5 => use_place(&board.small[random.below(32) as usize], heap, &mut random),
                5..8 => use_place(&board.middle[random.below(16) as usize], heap, &mut random),
                8 => use_place(&board.large[random.below(4) as usize], heap, &mut random),
                9 => use_root(heap, &mut random),
                10..14 => board.lists.use_one(heap, &mut random),
                _ => risks.use_one(other, &mut random),
            }
            board.done.fetch_add(1, Ordering::Relaxed);
        }
        0
    }

    fn start(&self, seed: u64) -> u32 {
        // SAFETY: the worker uses the heaps alone, and drops nothing that it has inherited.
        unsafe { self.heap.fork_worker(|| self.work(seed)) }.unwrap().id()
    }

    fn reap(&self) {
        self.heap.reap();
        self.other.reap();
    }

    /// Nothing is in the heaps but what can be found; what is lost was on its way. Returns what that is.
    fn assert_complete(&self) -> String {
        let Self { heap, board, other, risks } = self;
        heap.check().unwrap();
        let roots = heap.roots().unwrap();
        assert!(roots.iter().all(|root| !root.is_removed || root.participants > 0), "{roots:?}");
        let values = count(&board.small) + count(&board.middle) + count(&board.large);
        let lists = board.lists.blocks(heap);
        assert_eq!(used(heap), values + lists + roots.len(), "something is lost");
        other.check().unwrap();
        let (owned, at_risk) = risks.blocks(other);
        let lost = used(other) - 1 - owned;
        assert!(lost as u64 <= at_risk, "of {at_risk} that were on their way {lost} are lost");
        format!(
            "{values} values, {} roots, {lists} blocks of lists and {owned} others are left; \
             of {at_risk} that were on their way {lost} are lost",
            roots.len()
        )
    }
}

/// Waits for the end of a worker; returns what the system says.
fn wait(worker: u32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` has room, and the worker is this process's.
    assert_eq!(unsafe { libc::waitpid(worker as i32, &mut status, 0) }, worker as i32);
    status
}

/// How many values are in places.
fn count<const N: usize>(places: &[Place<N>]) -> usize {
    places.iter().filter(|place| lock(place, |_| ()).is_some()).count()
}

/// How many blocks are handed out.
fn used(heap: &SharedHeap) -> usize {
    let mut count = 0;
    heap.attached.slab.check(|_, _| count += 1).unwrap();
    count
}

/// Kills so many workers; returns what there is to say of it.
fn soak(kills: u64) -> String {
    let shop = Workshop::new();
    let board = shop.board;
    let mut random = Random(0x5EED);
    let mut workers: Vec<u32> = (0..WORKERS as u64).map(|seed| shop.start(seed)).collect();
    let (begun, mut pauses) = (Instant::now(), Pauses::default());
    for kill in 0..kills {
        thread::sleep(Duration::from_micros(random.below(2000)));
        let victim = random.below(WORKERS as u64) as usize;
        // SAFETY: two numbers; the worker is this process's and was not waited for.
        unsafe { libc::kill(workers[victim] as i32, libc::SIGKILL) };
        pauses.after_kills.push(board.pause());
        let status = wait(workers[victim]);
        assert!(libc::WIFSIGNALED(status), "a worker has ended by itself: {status:#x}");
        if kill % 8 == 0 {
            shop.reap();
        }
        workers[victim] = shop.start(kill);
        if kill % 8 == 0 {
            pauses.otherwise.push(board.pause());
        }
    }
    board.is_over.store(true, Ordering::Relaxed);
    for worker in workers {
        assert_eq!(wait(worker), 0);
    }
    let (done, time) = (board.done.load(Ordering::Relaxed), begun.elapsed());
    shop.reap();
    let left = shop.assert_complete();
    let pauses = pauses.assert_short();
    format!("{kills} kills, {done} operations in {time:.1?}; {pauses}\n{left}")
}

#[test]
fn killed_workers_leave_nothing_behind_and_hold_nobody_up() {
    // More by hand: AQUIFER_KILLS=1000000 cargo test --release --lib killed_workers -- --nocapture
    let kills = env::var("AQUIFER_KILLS").map_or(5000, |kills| kills.parse().unwrap());
    let (mut told, tell) = io::pipe().unwrap();
    // Workers join all heaps in which their parent has found roots: not those of other tests, which may be
    // full, or anything.
    let mut process = Child::fork(|| {
        for other in Attached::all() {
            other.forget();
            other.attachment.forget();
        }
        (&tell).write_all(soak(kills).as_bytes()).unwrap();
    });
    drop(tell);
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    println!("{text}");
    assert_eq!(process.end(), Ending::WELL);
}
