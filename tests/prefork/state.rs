//! The state that workers share, by itself: processes are killed that do nothing but change it, so that most of
//! them die in the middle.
#![expect(unsafe_code, reason = "forks")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use aquifer::{Backing, SharedHeap, ShmMutex};
use nix::sys::prctl;
use nix::sys::signal::Signal;

use crate::cache::{Cache, Lookup};
use crate::counters::{self, Counters, Tally};
use crate::limiter::{Limit, Limiter};
use crate::server::eventually;
use crate::shard::{Shard, Stored};
use crate::site::Version;
use crate::{clock, content};

/// Has a process do some work again and again, with another number each time, and kills it.
fn kill_in(heap: &SharedHeap, round: u64, work: impl Fn(u64)) {
    let begun = heap.root_or_insert_with("begun", || AtomicU64::new(0)).unwrap();
    begun.store(0, Ordering::Relaxed);
    let work = || {
        let mut number = round * 1000;
        // Whatever becomes of the test, this does not go on without it.
        prctl::set_pdeathsig(Signal::SIGKILL).unwrap();
        loop {
            number += 1;
            work(number);
            begun.fetch_add(1, Ordering::Relaxed);
        }
    };
    // SAFETY: the child uses its own memory and the heap's, and owns nothing there that it has inherited.
    let mut worker = unsafe { heap.fork_worker(work) }.unwrap();
    eventually("it has begun", || begun.load(Ordering::Relaxed) > 30);
    sleep(Duration::from_micros(round * 37 % 500));
    worker.kill().unwrap();
    worker.wait().unwrap();
}

fn blocks(heap: &SharedHeap) -> usize {
    heap.stats().used_blocks
}

#[test]
fn counts_belong_together_wherever_a_worker_dies() {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let counters = heap.root_or_insert_with("counters", || ShmMutex::new(Counters::new())).unwrap();
    let done = Tally {
        requests: 3,
        statuses: [0, 0, 2, 0, 1, 0],
        bytes: 7,
        connections: 5,
        ..Tally::NONE
    };
    let (mut deaths, mut requests) = (0, 0);
    for round in 0..200 {
        kill_in(&heap, round, |number| done.hand_over(&counters, number << (number % 20), 1));
        deaths += u32::from(counters.is_locked());
        let figures = *counters::lock(&counters).unwrap().figures();
        let times = figures.done.requests / 3;
        assert!(figures.done.requests > requests, "what was counted stays");
        requests = figures.done.requests;
        assert_eq!((requests, figures.latency.total()), (3 * times, 3 * times));
        assert_eq!(figures.done.statuses, done.statuses.map(|count| count * times));
        assert_eq!((figures.done.bytes, figures.done.connections), (7 * times, 5 * times));
    }
    assert!(deaths > 20, "{deaths} of 200 have died with the lock");
}

#[test]
fn buckets_neither_empty_nor_overflow_wherever_a_worker_dies() {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let limiter = heap.root_or_insert_with("limiter", Limiter::new).unwrap();
    let client = |number: u64| IpAddr::from([10, 0, 0, number as u8]);
    let asked = heap.root_or_insert_with("asked", || AtomicU64::new(0)).unwrap();
    let (limit, start) = (Limit::new(1, 200_000), clock::now());
    for round in 0..200 {
        let now = clock::now();
        kill_in(&heap, round, |number| {
            // Whatever a fast machine can do, there is something left in the end.
            if asked.load(Ordering::Relaxed) < 100_000 {
                asked.fetch_add(u64::from(number % 5 == 0), Ordering::Relaxed);
                limiter.admits(client(number % 5), limit, now);
            }
        });
        for number in 0..5 {
            // One that was full after a death would be so for this limit, too.
            assert!(limiter.admits(client(number), Limit::new(1, u32::MAX), now), "round {round}");
        }
    }
    let now = clock::now();
    let seconds = (now - start) / clock::SECOND + 1;
    let left = (0..).take_while(|_| limiter.admits(client(0), limit, now)).count() as u64;
    let asked = asked.load(Ordering::Relaxed);
    // What was asked in this loop makes up for what a death may have forgiven.
    assert!(left + asked <= 200_001 + seconds, "{asked} asked, {left} left of 200000");
    assert!(asked > 1000, "{asked}");
}

#[test]
fn answers_are_whole_or_gone_wherever_a_worker_dies() {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let cache = heap.root_or_insert_with("cache", || Cache::new_in(&heap)).unwrap();
    let _ = heap.root_or_insert_with("begun", || AtomicU64::new(0)).unwrap();
    let roots = blocks(&heap);
    // Together they are more than there is room for.
    let paths: Vec<String> = (0..40).map(|index| format!("/{index}")).collect();
    let bytes = |number: u64| 1 + (number * 7919 % 60_000) as usize;
    let text = content(60_001, 0);
    let mut found = 0;
    for round in 0..150 {
        kill_in(&heap, round, |number| {
            let (path, head) = (paths[(number * 13 % 40) as usize].as_bytes(), number.to_string());
            let body = &text[..bytes(number)];
            let version = Version::default();
            cache.keep(Stored { path, head: head.as_bytes(), body, version }, clock::now());
        });
        let answers = cache.contents().0;
        assert_eq!(blocks(&heap), roots + 3 * answers, "round {round}: {answers} answers");
        heap.check().unwrap();
        for path in &paths {
            let lookup = cache.read(path, (0, clock::now()), |kept| {
                let number = std::str::from_utf8(&kept.head).unwrap().parse::<u64>().unwrap();
                assert_eq!(*path, paths[(number * 13 % 40) as usize]);
                assert!(kept.body == text[..bytes(number)]);
            });
            found += usize::from(matches!(lookup, Lookup::Fresh(())));
        }
    }
    assert!(found > 150, "{found}");
}

#[test]
fn a_full_shard_lets_go_what_nobody_asks_for() {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let mut shard = Shard::new_in(&heap);
    let answer = Stored { path: b"/", head: b"head", body: b"body", version: Version::default() };
    let most = Shard::ENTRIES as u64;
    for key in 1..=most {
        shard.keep(key, key, answer).unwrap();
    }
    shard.find(1, b"/").unwrap().used = most + 1;
    shard.keep(most + 1, most + 2, answer).unwrap();
    let mut there = |key: &u64| shard.find(*key, b"/").is_some();
    assert_eq!((1..=most + 1).filter(|key| there(key)).count() as u64, most);
    assert!(shard.find(1, b"/").is_some() && shard.find(2, b"/").is_none());
    assert!(shard.find(1, b"/other").is_none(), "of two paths with one key it is the other's");
}
