// cargo run --example work_queue
//! Forked workers count primes: they take jobs from a list in shared memory, and put them into another.
#![expect(unsafe_code, reason = "forks")]

use std::error::Error;

use aquifer::{
    Backing, SharedHeap, ShmBox, ShmMutex, ShmMutexGuard, ShmSafe, ShmSemaphore, ShmVec,
};

#[derive(ShmSafe)]
#[repr(C)]
struct Job {
    first: u64,
    primes: u64,
}

type Jobs = ShmVec<ShmBox<Job>>;

#[derive(ShmSafe)]
#[repr(C)]
struct Queue {
    /// One for each job, and in the end one for each worker.
    ready: ShmSemaphore,
    waiting: ShmMutex<Jobs>,
    done: ShmMutex<Jobs>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?; // no file, and nothing to remove
    let none = || ShmMutex::new(Jobs::new_in(&heap));
    let make = || Queue { ready: ShmSemaphore::new(0), waiting: none(), done: none() };
    let queue = heap.root_or_insert_with("queue", make)?;
    // SAFETY: there is one thread, and workers drop no box but those that they take from the queue.
    let workers = [(); 4].map(|()| unsafe { heap.fork_worker(|| work(&heap, &queue)) });
    for first in (0..100_000).step_by(1_000) {
        let job = ShmBox::new_in(Job { first, primes: 0 }, &heap)?;
        lock(&queue.waiting, &heap).push(job)?;
        queue.ready.post()?;
    }
    (0..workers.len()).try_for_each(|_| queue.ready.post())?;
    for worker in workers {
        worker?.wait()?;
    }
    let done = lock(&queue.done, &heap);
    println!("{} jobs, {} primes", done.len(), done.iter().map(|job| job.primes).sum::<u64>());
    Ok(())
}

fn work(heap: &SharedHeap, queue: &Queue) -> i32 {
    loop {
        queue.ready.wait();
        let Some(mut job) = lock(&queue.waiting, heap).pop() else { return 0 };
        let is_prime = |n: &u64| *n > 1 && (2..).take_while(|d| d * d <= *n).all(|d| n % d > 0);
        job.primes = (job.first..job.first + 1_000).filter(is_prime).count() as u64;
        // Eight bytes go from list to list, and the job stays where it lies.
        lock(&queue.done, heap).push(job).expect("room for a box");
    }
}

/// If a worker was killed in the middle of a change, the list begins anew.
fn lock<'a>(jobs: &'a ShmMutex<Jobs>, heap: &SharedHeap) -> ShmMutexGuard<'a, Jobs> {
    let anew = jobs.lock().or_else(|error| error.replace_with(|| Jobs::new_in(heap)));
    anew.expect("a lock of a heap that is attached")
}
