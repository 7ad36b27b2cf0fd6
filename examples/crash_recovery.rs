// cargo run --example crash_recovery
//! A worker is killed while it holds two locks: what the next one sees, and what it can do.
#![expect(unsafe_code, reason = "forks a worker that kills itself")]

use std::error::Error;

use aquifer::{Backing, KillSafe, LockError, SharedHeap, ShmMutex, ShmSafe, ShmVec};

/// All that is in the two accounts together, whatever is moved from one to the other.
const TOTAL: u64 = 100;

/// Numbers are valid whatever a kill leaves of them, though not always right.
#[derive(KillSafe, ShmSafe, Debug)]
#[repr(C)]
struct Accounts {
    mine: u64,
    yours: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    let make = || ShmMutex::new(Accounts { mine: TOTAL, yours: 0 });
    let accounts = heap.root_or_insert_with("accounts", make)?;
    let make = || ShmMutex::new(ShmVec::<u64>::new_in(&heap));
    let journal = heap.root_or_insert_with("journal", make)?;

    run(&heap, || {
        let (mut accounts, _journal) = (accounts.lock().unwrap(), journal.lock().unwrap());
        accounts.mine -= 30;
        kill_itself(); // what has left the one account is not yet in the other
        accounts.yours += 30;
        0
    });
    let owner = accounts.owner().expect("its slot was not let again");
    println!("1. process {} held the locks; is it alive? {}", owner.pid, owner.is_alive);

    let Err(error) = accounts.lock() else { panic!("nobody was told of it") };
    println!("2. who locks next is told: {error}");
    drop(error); // who does nothing about it leaves it to the next

    let Err(LockError::OwnerDied(died)) = accounts.lock() else { panic!("it was not left") };
    let repaired = died.recover(|accounts| {
        println!("3. numbers can be looked at: {accounts:?}");
        // Which of the two was stored first is the compiler's choice: this is right for both.
        accounts.yours = TOTAL - accounts.mine;
    });
    println!("4. and be put right: {:?}", *repaired);
    drop(repaired);
    println!("5. nobody is warned any more: {:?}", *accounts.lock().unwrap());

    let Err(LockError::OwnerDied(died)) = journal.lock() else { panic!("it held both") };
    let fresh = died.replace(ShmVec::from_slice_in(&[TOTAL], &heap)?);
    println!("6. a vector may be torn inside; another takes its place: {:?}", *fresh);
    println!("7. dead participants whose place is free again: {}", heap.reap());
    Ok(heap.check()?)
}

/// Forks a worker, and waits for its end.
fn run(heap: &SharedHeap, work: impl FnOnce() -> i32) {
    // SAFETY: there is one thread, and the worker drops no box that it has inherited.
    let mut worker = unsafe { heap.fork_worker(work) }.expect("a process");
    worker.wait().expect("it is nobody else's");
}

fn kill_itself() {
    // SAFETY: the call takes a number.
    unsafe { libc::raise(libc::SIGKILL) };
}
