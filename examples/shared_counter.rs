// cargo run --example shared_counter
//! Two processes count together, and one of them is killed in the middle of it: no step is lost.
#![expect(unsafe_code, reason = "forks")]

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use aquifer::{Backing, KillSafe, LockError, SharedHeap, ShmMutex, ShmMutexGuard, ShmSafe};

/// How often the process counts that is not killed.
const STEPS: u64 = 500_000;

/// How far each has counted, and both: that is to be the sum whenever nobody has the lock.
#[derive(KillSafe, ShmSafe, Clone, Copy, Debug)]
#[repr(C)]
struct Counter {
    each: [u64; 2],
    both: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?; // no file, and nothing to remove
    let none = || ShmMutex::new(Counter { each: [0, 0], both: 0 });
    let counter = heap.root_or_insert_with("counter", none)?;
    let done = heap.root_or_insert_with("done", || [(); 2].map(|()| AtomicU64::new(0)))?;

    let endless = || count(&counter, 0, u64::MAX, &done[0]);
    let finite = || count(&counter, 1, STEPS, &done[1]);
    // SAFETY: there is one thread, and the workers use nothing but roots, and drop nothing.
    let mut victim = unsafe { heap.fork_worker(endless) }?;
    // SAFETY: as above.
    let mut survivor = unsafe { heap.fork_worker(finite) }?;
    while done.iter().any(|steps| steps.load(Ordering::Acquire) < STEPS / 10) {
        sleep(Duration::from_micros(100));
    }
    victim.kill()?;
    victim.wait()?;
    assert!(survivor.wait()?.success(), "it does not even notice");

    let Counter { each, both } = *lock(&counter);
    let said = done.each_ref().map(|steps| steps.load(Ordering::Acquire));
    println!("the killed one has counted {}, the other {}: {both} together", each[0], each[1]);
    assert_eq!((each[1], both), (STEPS, each[0] + each[1]));
    assert!([said[0], said[0] + 1].contains(&each[0]), "killed before it could say so, at most");
    Ok(())
}

/// Counts, and says after each step that it is done.
fn count(counter: &ShmMutex<Counter>, who: usize, steps: u64, done: &AtomicU64) -> i32 {
    for step in 1..=steps {
        let mut counter = lock(counter);
        counter.each[who] += 1;
        counter.both += 1;
        drop(counter);
        done.store(step, Ordering::Release);
    }
    0
}

/// Takes the lock. If its owner was killed between two numbers, the sum is made right.
fn lock(counter: &ShmMutex<Counter>) -> ShmMutexGuard<'_, Counter> {
    match counter.lock() {
        Err(LockError::OwnerDied(died)) => died.recover(|it| it.both = it.each.iter().sum()),
        locked => locked.expect("a lock of a heap that is attached"),
    }
}
