//! What a semaphore promises: nothing that was posted is lost, among threads and processes.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "maps shared memory, and forks processes that wait and die")]

mod bounded;

use std::error::Error;
use std::mem::MaybeUninit;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aquifer::{CountOverflow, ShmSemaphore};
use bounded::{Child, in_time, is_killed};

const _: () = assert!(size_of::<ShmSemaphore>() == 4 && align_of::<ShmSemaphore>() == 4);

const MOMENT: Duration = Duration::from_millis(50);
/// One more than 64 bits hold.
const TWO_TO_THE_64_NANOSECONDS: Duration = Duration::new(18_446_744_073, 709_551_616);

/// Maps a zeroed value that forked children share.
///
/// # Safety
///
/// All zero is a `T`, which fits a page.
unsafe fn shared<T>() -> &'static T {
    assert!(size_of::<T>() <= 4096);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    // SAFETY: the kernel chooses an address where nothing is mapped.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    // SAFETY: the caller's duty; it stays mapped.
    unsafe { &*start.cast() }
}

#[test]
fn what_was_posted_is_taken_once() {
    let semaphore = ShmSemaphore::new(2);
    assert!(semaphore.try_wait());
    semaphore.wait();
    assert!(!semaphore.try_wait());
    assert_eq!(semaphore.post(), Ok(()));
    assert_eq!(semaphore.post(), Ok(()));
    assert!(format!("{semaphore:?}").contains("count: 2"));
    assert!(semaphore.wait_timeout(Duration::ZERO));
    assert!(semaphore.wait_timeout(Duration::MAX));
    assert!(!semaphore.wait_timeout(Duration::ZERO));
    assert!(format!("{semaphore:?}").contains("count: 0"), "who has given up does not count");
    assert_eq!(semaphore.post(), Ok(()));
    assert!(semaphore.try_wait());
}

#[test]
fn a_full_count_stays_as_it_is() {
    for count in [ShmSemaphore::MAX, ShmSemaphore::MAX + 1, u32::MAX] {
        let full = ShmSemaphore::new(count);
        assert_eq!(full.post(), Err(CountOverflow));
        assert_eq!(full.post(), Err(CountOverflow));
        assert!(format!("{full:?}").contains(&ShmSemaphore::MAX.to_string()), "{full:?}");
        assert!(full.try_wait());
        assert_eq!(full.post(), Ok(()));
        assert_eq!(full.post(), Err(CountOverflow));
    }
    let error: &dyn Error = &CountOverflow;
    assert!(error.to_string().starts_with(char::is_lowercase), "{error}");
}

#[test]
fn zeros_are_a_semaphore_of_count_0() {
    // SAFETY: all zero is promised to be one.
    let semaphore = unsafe { MaybeUninit::<ShmSemaphore>::zeroed().assume_init() };
    assert!(!semaphore.try_wait());
    assert_eq!(semaphore.post(), Ok(()));
    assert!(semaphore.try_wait());
    assert!(!semaphore.try_wait());
}

#[test]
fn a_semaphore_lives_in_a_static() {
    static STOCK: ShmSemaphore = ShmSemaphore::new(1);
    assert!(STOCK.try_wait());
    thread::scope(|scope| {
        scope.spawn(|| STOCK.post().unwrap());
        STOCK.wait();
    });
    let none = [const { ShmSemaphore::new(0) }; 4];
    assert!(none.iter().all(|semaphore| !semaphore.try_wait()));
}

#[test]
fn who_waits_gives_up_when_the_time_is_up_and_not_before() {
    in_time(|| {
        let semaphore = ShmSemaphore::new(0);
        for timeout in [Duration::from_millis(3), MOMENT, 4 * MOMENT] {
            let begun = Instant::now();
            assert!(!semaphore.wait_timeout(timeout));
            assert!(begun.elapsed() >= timeout);
        }
    });
}

#[test]
fn who_waits_is_woken_by_a_post_and_sees_what_was_written() {
    in_time(|| {
        let waits: [fn(&ShmSemaphore); 4] = [
            ShmSemaphore::wait,
            |semaphore| assert!(semaphore.wait_timeout(Duration::MAX)),
            |semaphore| assert!(semaphore.wait_timeout(TWO_TO_THE_64_NANOSECONDS)),
            |semaphore| assert!(semaphore.wait_timeout(Duration::from_secs(80))),
        ];
        for wait in waits {
            let semaphore = ShmSemaphore::new(0);
            let written = AtomicBool::new(false);
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    wait(&semaphore);
                    written.load(Ordering::Relaxed)
                });
                thread::sleep(MOMENT);
                written.store(true, Ordering::Relaxed);
                semaphore.post().unwrap();
                assert!(waiter.join().unwrap());
            });
            assert!(!semaphore.try_wait());
        }
    });
}

#[test]
fn threads_lose_nothing_between_them() {
    const THREADS: u32 = 4;
    const PIECES: u32 = 10_000;
    in_time(|| {
        let (full, empty) = (ShmSemaphore::new(0), ShmSemaphore::new(3));
        let (made, used) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..PIECES {
                        empty.wait();
                        made.fetch_add(1, Ordering::Relaxed);
                        full.post().unwrap();
                    }
                });
                scope.spawn(|| {
                    for round in 0..PIECES {
                        match round % 3 {
                            0 => full.wait(),
                            1 => while !full.wait_timeout(Duration::from_micros(20)) {},
                            _ => assert!(full.wait_timeout(Duration::MAX)),
                        }
                        // Whoever takes a piece sees that it was made.
                        let used = 1 + used.fetch_add(1, Ordering::AcqRel);
                        assert!(used <= made.load(Ordering::Relaxed));
                        empty.post().unwrap();
                    }
                });
            }
        });
        assert!(!full.try_wait());
        assert!((0..3).all(|_| empty.try_wait()) && !empty.try_wait());
    });
}

#[test]
fn each_post_wakes_a_sleeper() {
    // If it is left to sleepers to wake up by themselves, most rounds take 50 ms.
    const ROUNDS: u32 = 3000;
    const SLEEPERS: u32 = 4;
    in_time(|| {
        let [stock, taken] = [const { ShmSemaphore::new(0) }; 2];
        let rounds = Barrier::new(1 + SLEEPERS as usize);
        thread::scope(|scope| {
            for _ in 0..SLEEPERS {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        stock.wait();
                        taken.post().unwrap();
                        rounds.wait();
                    }
                });
            }
            for round in 0..ROUNDS {
                // They are asleep by then, as a rule.
                thread::sleep(Duration::from_micros(100));
                let posts_at_once = if round % 2 == 0 { 1 } else { SLEEPERS };
                for _ in 0..SLEEPERS / posts_at_once {
                    (0..posts_at_once).for_each(|_| stock.post().unwrap());
                    (0..posts_at_once).for_each(|_| taken.wait());
                }
                rounds.wait();
            }
        });
        assert!(!stock.try_wait() && !taken.try_wait());
    });
}

#[test]
fn processes_play_ping_pong() {
    // If no post woke anybody, each round would take two times 50 ms.
    const ROUNDS: u32 = 3000;
    struct Table {
        ping: ShmSemaphore,
        pong: ShmSemaphore,
        ball: AtomicU32,
    }
    in_time(|| {
        // SAFETY: it is semaphores and a number, so all zero is one.
        let table: &Table = unsafe { shared() };
        let child = Child::start(|| {
            for round in 0..ROUNDS {
                table.ping.wait();
                assert_eq!(table.ball.swap(2 * round + 1, Ordering::Relaxed), 2 * round);
                table.pong.post().unwrap();
            }
        });
        for round in 0..ROUNDS {
            table.ball.store(2 * round, Ordering::Relaxed);
            table.ping.post().unwrap();
            table.pong.wait();
            assert_eq!(table.ball.load(Ordering::Relaxed), 2 * round + 1);
        }
        assert_eq!(child.end(), 0);
    });
}

#[test]
fn a_killed_sleeper_takes_nothing_with_it() {
    in_time(|| {
        // SAFETY: all zero is a semaphore.
        let stock: &ShmSemaphore = unsafe { shared() };
        for _ in 0..5 {
            let mut children: Vec<_> = (0..4).map(|_| Child::start(|| stock.wait())).collect();
            thread::sleep(MOMENT);
            let killed = children.remove(1);
            killed.kill();
            assert!(is_killed(killed.end()));
            for _ in &children {
                stock.post().unwrap();
            }
            assert!(children.into_iter().all(|child| child.end() == 0));
            assert!(!stock.try_wait());
        }
    });
}

#[test]
fn a_sleeper_killed_as_it_is_woken_leaves_what_it_has_not_taken_to_the_next() {
    in_time(|| {
        // SAFETY: all zero is a semaphore.
        let stock: &ShmSemaphore = unsafe { shared() };
        for _ in 0..20 {
            let first = Child::start(|| stock.wait());
            thread::sleep(Duration::from_millis(5));
            let second = Child::start(|| stock.wait());
            thread::sleep(Duration::from_millis(5));
            stock.post().unwrap();
            first.kill();
            first.end();
            // The first has taken its own and no other.
            stock.post().unwrap();
            assert_eq!(second.end(), 0);
            // It may have left its own.
            let _ = stock.try_wait();
            assert!(!stock.try_wait());
        }
    });
}
