//! What a lock promises: one owner at a time, and after a panic or a death, data that is not trusted.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "places locks in shared memory, and forks processes that die")]

mod bounded;
mod scratch;

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::num::{NonZeroI8, NonZeroU8, Saturating, Wrapping};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicIsize, AtomicU8, AtomicU16,
    AtomicU32, AtomicU64, AtomicUsize,
};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use aquifer::{
    Backing, HeapOptions, JoinError, KillSafe, LockError, OwnerDied, Panicked, SharedHeap,
    ShmMutex, ShmMutexGuard,
};
use bounded::{Child, in_time, is_killed};
use scratch::Scratch;

const _: () = assert!(size_of::<ShmMutex<u64>>() == 24);
const _: () = assert!(size_of::<ShmMutex<()>>() == 16);
const _: () = assert!(size_of::<LockError<'_, [u64; 100]>>() <= 40);
const _: () = assert!(size_of::<JoinError>() <= 16);

/// Fails to compile if a value of the type may be torn.
const fn sure<T: KillSafe>() {}

const _: () = {
    sure::<u8>();
    sure::<u16>();
    sure::<u32>();
    sure::<u64>();
    sure::<u128>();
    sure::<usize>();
    sure::<i8>();
    sure::<i16>();
    sure::<i32>();
    sure::<i64>();
    sure::<i128>();
    sure::<isize>();
    sure::<f32>();
    sure::<f64>();
    sure::<bool>();
    sure::<AtomicBool>();
    sure::<AtomicU8>();
    sure::<AtomicU16>();
    sure::<AtomicU32>();
    sure::<AtomicU64>();
    sure::<AtomicUsize>();
    sure::<AtomicI8>();
    sure::<AtomicI16>();
    sure::<AtomicI32>();
    sure::<AtomicI64>();
    sure::<AtomicIsize>();
    sure::<NonZeroU8>();
    sure::<NonZeroI8>();
    sure::<()>();
    sure::<Wrapping<u64>>();
    sure::<Saturating<u64>>();
    sure::<PhantomData<String>>();
    sure::<[u64; 3]>();
    sure::<(u64, [bool; 2], AtomicU32)>();
};

const MOMENT: Duration = Duration::from_millis(50);
/// One more than 64 bits hold.
const TWO_TO_THE_64_NANOSECONDS: Duration = Duration::new(18_446_744_073, 709_551_616);

const HEAP_BYTES: usize = 64 << 10;

fn heap() -> SharedHeap {
    heap_of(4)
}

/// Makes a heap in which there is room for so many processes at a time.
fn heap_of(participants: u32) -> SharedHeap {
    HeapOptions::new(HEAP_BYTES).participants(participants).create(&Backing::Memfd).unwrap()
}

/// Makes a heap in which this process has another slot than in those above: somebody who is dead by now
/// had the first one.
fn heap_of_the_dead() -> SharedHeap {
    let scratch = Scratch::new();
    let backing = Backing::File(scratch.file("heap"));
    killed_after(|| _ = SharedHeap::create(&backing, HEAP_BYTES).unwrap());
    SharedHeap::open(&backing).unwrap()
}

/// Makes a lock in a heap, around what need not be `ShmSafe`: this process and its children have the
/// memory of this test in common.
fn shared<T: Send>(heap: &SharedHeap, value: T) -> &'static ShmMutex<T> {
    place(heap, ShmMutex::new(value))
}

/// Moves a lock into a heap.
fn place<T: Send>(heap: &SharedHeap, mutex: ShmMutex<T>) -> &'static ShmMutex<T> {
    let place = heap.alloc_layout(Layout::new::<ShmMutex<T>>()).unwrap().cast();
    // SAFETY: handed out for this just now.
    unsafe { place.write(mutex) };
    // SAFETY: written above; it is not given back, and the heap stays mapped.
    unsafe { place.as_ref() }
}

/// Becomes a participant, as the first lock makes one of a process.
fn join(heap: &SharedHeap) {
    drop(shared(heap, ()).lock().unwrap());
}

/// Moves a lock out of shared memory, so that it can be dropped.
fn take_out<T: Send>(mutex: &'static ShmMutex<T>) -> ShmMutex<T> {
    // SAFETY: the callers forget the one in the heap.
    unsafe { std::ptr::from_ref(mutex).read() }
}

/// Lets a child do `work` and be killed then; returns its number when it is gone.
#[track_caller]
fn killed_after(work: impl FnOnce()) -> u32 {
    let child = Child::start(|| {
        work();
        // SAFETY: the call takes a number.
        unsafe { libc::raise(libc::SIGKILL) };
    });
    let number = child.number();
    assert!(is_killed(child.end()));
    number
}

/// Lets a child die with the lock held, whatever is wrong with the data.
#[track_caller]
fn killed_with<T>(mutex: &ShmMutex<T>) -> u32 {
    killed_after(|| match mutex.lock() {
        Ok(guard) => std::mem::forget(guard),
        Err(error) => std::mem::forget(error),
    })
}

/// Lets a panic unwind through a guard.
fn poison<T>(mutex: &ShmMutex<T>) {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _guard = mutex.lock().unwrap();
        panic!("with the lock held")
    }));
    panicked.unwrap_err();
}

#[track_caller]
fn panicked<T>(mutex: &ShmMutex<T>) -> Panicked<'_, T> {
    match mutex.lock() {
        Err(LockError::Panicked(panicked)) => panicked,
        other => panic!("{:?}", other.map(drop)),
    }
}

#[track_caller]
fn owner_died<T>(mutex: &ShmMutex<T>) -> OwnerDied<'_, T> {
    match mutex.lock() {
        Err(LockError::OwnerDied(died)) => died,
        other => panic!("{:?}", other.map(drop)),
    }
}

#[track_caller]
fn assert_held<T>(result: Result<ShmMutexGuard<'_, T>, LockError<'_, T>>) {
    assert!(matches!(result, Err(LockError::Held)), "{:?}", result.map(drop));
}

#[track_caller]
fn assert_relock<T>(result: Result<ShmMutexGuard<'_, T>, LockError<'_, T>>) {
    assert!(matches!(result, Err(LockError::Relock)), "{:?}", result.map(drop));
}

#[test]
fn threads_take_turns_and_see_what_was_written() {
    const ROUNDS: u64 = 6000;
    in_time(|| {
        let mutex = shared(&heap(), [0_u64; 8]);
        // No thread holds the lock when it comes here: whatever it is told, not `Relock`.
        let raise = |round: u64| {
            let result = match round % 3 {
                0 => mutex.lock(),
                1 => mutex.lock_timeout(Duration::from_micros(round % 100)),
                _ => mutex.try_lock(),
            };
            match result {
                Ok(mut counts) => {
                    counts.iter_mut().for_each(|count| *count += 1);
                    true
                }
                Err(LockError::Held) if round % 3 != 0 => false,
                Err(error) => panic!("{error:?}"),
            }
        };
        let taken: usize = thread::scope(|scope| {
            let count = || (0..ROUNDS).filter(|&round| raise(round)).count();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(taken as u64 >= 8 * ROUNDS / 3);
        assert_eq!(*mutex.lock().unwrap(), [taken as u64; 8]);
    });
}

#[test]
fn a_held_lock_is_refused_when_the_time_is_up_and_not_before() {
    in_time(|| {
        let mutex = shared(&heap(), 0);
        let guard = mutex.lock().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_held(mutex.try_lock());
                assert_held(mutex.lock_timeout(Duration::ZERO));
                for timeout in [Duration::from_millis(3), MOMENT, 4 * MOMENT] {
                    let begun = Instant::now();
                    assert_held(mutex.lock_timeout(timeout));
                    assert!(begun.elapsed() >= timeout);
                }
            });
        });
        drop(guard);
        assert!(mutex.lock_timeout(Duration::ZERO).is_ok());
        assert!(mutex.try_lock().is_ok());
    });
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_released() {
    in_time(|| {
        let mutex = shared(&heap(), false);
        let waits: [fn(&ShmMutex<bool>) -> bool; 4] = [
            |mutex| *mutex.lock().unwrap(),
            |mutex| *mutex.lock_timeout(Duration::MAX).unwrap(),
            |mutex| *mutex.lock_timeout(TWO_TO_THE_64_NANOSECONDS).unwrap(),
            |mutex| *mutex.lock_timeout(Duration::from_secs(60)).unwrap(),
        ];
        for wait in waits {
            let mut released = mutex.lock().unwrap();
            *released = false;
            thread::scope(|scope| {
                let waiter = scope.spawn(|| wait(mutex));
                thread::sleep(MOMENT);
                *released = true;
                drop(released);
                assert!(waiter.join().unwrap());
            });
        }
    });
}

#[test]
fn a_thread_is_refused_a_second_guard() {
    in_time(|| {
        let mutex = shared(&heap(), 1);
        let mut guard = mutex.lock().unwrap();
        for _ in 0..3 {
            assert_relock(mutex.lock());
            assert_relock(mutex.lock_timeout(Duration::ZERO));
            assert_relock(mutex.lock_timeout(Duration::MAX));
            assert_held(mutex.try_lock());
        }
        *guard += 1;
        // Others have set the bit that says that they wait, and taken nothing.
        thread::scope(|scope| {
            scope.spawn(|| assert_held(mutex.lock_timeout(Duration::ZERO)));
        });
        assert_relock(mutex.lock());
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), 2);
        std::mem::forget(mutex.try_lock().unwrap());
        assert_relock(mutex.lock());
        thread::scope(|scope| {
            scope.spawn(|| assert_held(mutex.lock_timeout(MOMENT)));
        });
    });
}

#[test]
fn the_holder_of_an_error_is_the_owner_of_the_lock() {
    in_time(|| {
        let mutex = shared(&heap(), 1);
        poison(mutex);
        let panicked = panicked(mutex);
        assert_relock(mutex.lock());
        assert_held(mutex.try_lock());
        assert!(mutex.is_locked());
        drop(panicked);
        assert!(!mutex.is_locked());
    });
}

#[test]
fn locks_of_one_heap_and_of_two_nest() {
    in_time(|| {
        let (here, there) = (heap(), heap_of_the_dead());
        let mutexes = [shared(&here, 0), shared(&there, 0), shared(&here, 0)];
        for _ in 0..3 {
            let guards = mutexes.map(|mutex| mutex.lock().unwrap());
            for mutex in mutexes {
                assert_relock(mutex.lock());
                assert_held(mutex.try_lock());
                let owner = mutex.owner().unwrap();
                assert_eq!((owner.pid, owner.is_alive), (std::process::id(), true));
            }
            let [first, mut second, third] = guards;
            drop(first);
            *second += 1;
            drop(third);
            let first = mutexes[0].try_lock().unwrap();
            assert_relock(mutexes[1].lock());
            drop((second, first));
        }
        assert_eq!(mutexes.map(|mutex| *mutex.lock().unwrap()), [0, 3, 0]);
    });
}

#[test]
fn a_lock_is_of_the_memory_in_which_it_lies() {
    in_time(|| {
        // The dead one's slot there is this process's here.
        let (here, there) = (heap(), heap_of_the_dead());
        let mutex = ShmMutex::new(1);
        assert!(matches!(mutex.lock(), Err(LockError::NotJoined(JoinError::NotAttached))));
        assert!(matches!(mutex.try_lock(), Err(LockError::NotJoined(JoinError::NotAttached))));
        assert!(mutex.owner().is_none() && !mutex.is_locked());
        let mutex = place(&here, mutex);
        *mutex.lock().unwrap() += 1;
        let mutex = place(&there, take_out(mutex));
        let guard = mutex.lock().unwrap();
        let child = Child::start(|| {
            assert_held(mutex.try_lock());
            assert!(mutex.owner().is_some_and(|owner| owner.is_alive));
        });
        assert_eq!(child.end(), 0);
        assert_eq!(mutex.owner().map(|owner| owner.pid), Some(std::process::id()));
        assert_eq!(*guard, 2);
    });
}

#[test]
fn a_panic_is_told_until_somebody_declares_the_data_whole() {
    in_time(|| {
        let mutex = shared(&heap(), vec![1]);
        poison(mutex);
        drop(panicked(mutex));
        assert!(matches!(mutex.try_lock(), Err(LockError::Panicked(_))));
        assert!(matches!(mutex.lock_timeout(MOMENT), Err(LockError::Panicked(_))));

        panicked(mutex).into_guard().push(2);
        let mut guard = panicked(mutex).into_guard();
        ShmMutexGuard::clear_poison(&mut guard);
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), [1, 2]);

        poison(mutex);
        let mut guard = panicked(mutex).recover(|data| data.push(3));
        guard.push(4);
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), [1, 2, 3, 4]);
        drop(take_out(mutex));
    });
}

#[test]
fn a_repair_that_panics_repairs_nothing() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0_u64);
        poison(mutex);
        let repair =
            AssertUnwindSafe(|| drop(panicked(mutex).recover(|_| panic!("in the repair"))));
        catch_unwind(repair).unwrap_err();
        drop(panicked(mutex).recover(|_| {}));

        killed_with(mutex);
        let repair =
            AssertUnwindSafe(|| drop(owner_died(mutex).recover(|_| panic!("in the repair"))));
        catch_unwind(repair).unwrap_err();
        drop(owner_died(mutex).recover(|_| {}));
        assert!(mutex.lock().is_ok());
    });
}

#[test]
fn a_lock_taken_while_unwinding_is_not_poisoned() {
    struct Counts<'a>(&'a ShmMutex<u32>);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            assert!(thread::panicking());
            // A second panic would end the process.
            if let Ok(mut count) = self.0.lock() {
                *count += 1;
            }
        }
    }
    in_time(|| {
        let mutex = shared(&heap(), 0);
        for _ in 0..2 {
            let unwinds = || {
                let _counts = Counts(mutex);
                panic!("beside the lock")
            };
            catch_unwind(AssertUnwindSafe(unwinds)).unwrap_err();
        }
        assert_eq!(*mutex.lock().unwrap(), 2);
    });
}

#[test]
fn a_lock_is_taken_in_destructors_of_thread_locals() {
    struct Counts(&'static ShmMutex<u32>);
    impl Drop for Counts {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    thread_local! {
        static COUNTS: Cell<Option<Counts>> = const { Cell::new(None) };
        static GUARD: RefCell<Option<ShmMutexGuard<'static, u32>>> = const { RefCell::new(None) };
    }
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0);
        // The first of them has not used a lock before its end.
        for locks_before in [false, true] {
            let thread = thread::spawn(move || {
                COUNTS.set(Some(Counts(mutex)));
                assert!(!locks_before || mutex.lock().is_ok());
            });
            thread.join().unwrap();
        }
        assert_eq!(*mutex.lock().unwrap(), 2);
        thread::spawn(|| GUARD.set(Some(mutex.lock().unwrap()))).join().unwrap();
        assert_eq!(*mutex.try_lock().unwrap(), 2);
    });
}

#[test]
#[cfg_attr(asan, ignore = "data is forgotten on purpose, which is a leak")]
fn a_death_is_told_until_somebody_replaces_the_data() {
    in_time(|| {
        let heap = heap();
        let shared_count = Arc::new(());
        let mutex = shared(&heap, Arc::clone(&shared_count));
        let asks: [fn(&ShmMutex<_>) -> bool; 3] = [
            |mutex| matches!(mutex.lock(), Err(LockError::OwnerDied(_))),
            |mutex| matches!(mutex.try_lock(), Err(LockError::OwnerDied(_))),
            |mutex| matches!(mutex.lock_timeout(Duration::ZERO), Err(LockError::OwnerDied(_))),
        ];
        for is_told in asks {
            killed_with(mutex);
            assert!(is_told(mutex), "it takes the lock from the dead");
            assert!(is_told(mutex), "nobody has repaired anything");
        }

        let new = Arc::new(());
        let guard = owner_died(mutex).replace(Arc::clone(&new));
        assert!(Arc::ptr_eq(&guard, &new));
        drop(guard);
        assert!(mutex.lock().is_ok());
        // The old one is forgotten. The new one is there once, and is dropped with the lock.
        let counts = || (Arc::strong_count(&shared_count), Arc::strong_count(&new));
        assert_eq!(counts(), (2, 2));
        drop(take_out(mutex));
        assert_eq!(counts(), (2, 1));
    });
}

#[test]
fn a_death_is_told_until_somebody_repairs_data_that_cannot_be_torn() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, [1_u64, 1]);
        let pay = || {
            let mut accounts = mutex.lock().unwrap();
            accounts[0] -= 1;
            std::mem::forget(accounts);
        };
        killed_after(pay);
        let guard = owner_died(mutex).recover(|accounts| accounts[1] = 2 - accounts[0]);
        assert_eq!(*guard, [0, 2]);
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), [0, 2]);
    });
}

#[test]
fn whatever_is_wrong_with_data_is_repaired_alike_and_a_lock_that_is_not_taken_stays_so() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 1_u64);
        let wrongs: [fn(&ShmMutex<u64>); 2] = [poison, |mutex| _ = killed_with(mutex)];
        for make_wrong in wrongs {
            make_wrong(mutex);
            let guard = mutex.lock().or_else(|error| error.recover(|data| *data += 1)).unwrap();
            drop(guard);
            assert!(mutex.lock().is_ok());
            make_wrong(mutex);
            let guard = mutex.lock().or_else(|error| error.replace_with(|| 7)).unwrap();
            assert_eq!(*guard, 7);
            assert_relock(mutex.lock().or_else(|error| error.recover(|_| unreachable!())));
            assert_relock(mutex.lock().or_else(|error| error.replace_with(|| unreachable!())));
            drop(guard);
            *mutex.lock().unwrap() = 1;
        }
        let text = shared(&heap, Arc::new(()));
        let shared_count = Arc::clone(&text.lock().unwrap());
        poison(text);
        drop(text.lock().or_else(|error| error.replace_with(|| Arc::new(()))).unwrap());
        assert_eq!(Arc::strong_count(&shared_count), 1, "after a panic the old one is dropped");
        drop(take_out(text));
    });
}

#[test]
fn a_death_is_told_until_unsafe_code_declares_the_data_whole() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, vec![1]);
        killed_with(mutex);
        for _ in 0..2 {
            // SAFETY: the dead owner has not touched the data.
            let guard = unsafe { owner_died(mutex).into_guard() };
            assert_eq!(*guard, [1]);
        }
        // A panic does not make a death any better.
        let unwinds = || {
            // SAFETY: as above.
            let _guard = unsafe { owner_died(mutex).into_guard() };
            panic!("with the lock held")
        };
        catch_unwind(AssertUnwindSafe(unwinds)).unwrap_err();
        // SAFETY: as above.
        let mut guard = unsafe { owner_died(mutex).into_guard() };
        ShmMutexGuard::clear_poison(&mut guard);
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), [1]);
        drop(take_out(mutex));
    });
}

#[test]
fn a_death_after_a_panic_counts_for_more() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0);
        poison(mutex);
        killed_with(mutex);
        drop(owner_died(mutex).replace(1));
        assert_eq!(*mutex.lock().unwrap(), 1);
    });
}

#[test]
fn of_the_threads_that_wait_for_an_owner_that_dies_one_is_told_and_none_of_a_relock() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0_u64);
        // From now on this thread has a number, and so have the threads of forked children: the same.
        drop(mutex.lock().unwrap());
        let wait = || match mutex.lock() {
            Ok(guard) => *guard,
            Err(LockError::OwnerDied(died)) => *died.recover(|deaths| *deaths += 1),
            Err(error) => panic!("{error:?}"),
        };
        for deaths in 1..=100 {
            let child = Child::start(|| {
                let _guard = mutex.lock().unwrap();
                thread::sleep(Duration::from_millis(2));
                // SAFETY: the call takes a number.
                unsafe { libc::raise(libc::SIGKILL) };
            });
            while !mutex.is_locked() {
                thread::yield_now();
            }
            thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(wait)).collect();
                assert_eq!(wait(), deaths);
                for thread in threads {
                    assert_eq!(thread.join().unwrap(), deaths);
                }
            });
            assert!(is_killed(child.end()));
        }
    });
}

#[test]
fn a_forked_child_has_no_part_in_its_parents_guard() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 7);
        let mut guard = Some(mutex.lock().unwrap());
        killed_after(|| {
            assert_held(mutex.try_lock());
            drop(guard.take());
            assert_held(mutex.lock_timeout(MOMENT));
        });
        assert_relock(mutex.lock());
        assert_eq!(mutex.owner().map(|owner| owner.pid), Some(std::process::id()));
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), 7);
    });
}

#[test]
fn the_owner_is_named_alive_and_dead() {
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0);
        assert!(!mutex.is_locked() && mutex.owner().is_none());
        let guard = mutex.lock().unwrap();
        let owner = mutex.owner().unwrap();
        assert!(mutex.is_locked() && owner.is_alive);
        assert_eq!(owner.pid, std::process::id());
        // It is told by the second, and rounded twice.
        let soon = SystemTime::now() + Duration::from_secs(3);
        assert!(owner.started.is_none_or(|started| started < soon), "{owner:?}");
        drop(guard);
        assert!(!mutex.is_locked() && mutex.owner().is_none());

        let child = killed_with(mutex);
        let owner = mutex.owner().unwrap();
        assert!(mutex.is_locked() && !owner.is_alive);
        assert_eq!(owner.pid, child);
        drop(owner_died(mutex));
        assert!(!mutex.is_locked() && mutex.owner().is_none());
    });
}

#[test]
fn a_dead_owner_stays_dead_when_its_slot_is_let_again() {
    in_time(|| {
        let heap = heap_of(2);
        let mutex = shared(&heap, 0);
        killed_with(mutex);
        assert_eq!(heap.reap(), 1);
        killed_after(|| {
            join(&heap);
            assert!(mutex.is_locked() && mutex.owner().is_none());
            drop(owner_died(mutex));
        });
        drop(owner_died(mutex).replace(1));
        assert_eq!(*mutex.lock().unwrap(), 1);
    });
}

#[test]
fn a_process_without_a_slot_is_refused() {
    in_time(|| {
        let heap = heap_of(1);
        let mutex = shared(&heap, 0);
        drop(mutex.lock().unwrap());
        killed_after(|| {
            for result in [mutex.lock(), mutex.try_lock(), mutex.lock_timeout(MOMENT)] {
                let Err(LockError::NotJoined(error)) = result else { panic!() };
                assert!(matches!(error, JoinError::TableFull { capacity: 1 }), "{error:?}");
            }
        });
        assert!(mutex.lock().is_ok());
    });
}

#[test]
#[cfg_attr(asan, ignore = "data is forgotten on purpose, which is a leak")]
fn a_lock_drops_its_data_if_it_is_whole() {
    in_time(|| {
        let heap = heap();
        let count = Arc::new(());
        drop(ShmMutex::new(Arc::clone(&count)));
        assert_eq!(Arc::strong_count(&count), 1);

        let mutex = shared(&heap, Arc::clone(&count));
        poison(mutex);
        drop(take_out(mutex));
        assert_eq!(Arc::strong_count(&count), 1);

        let mutex = shared(&heap, Arc::clone(&count));
        std::mem::forget(mutex.lock().unwrap());
        drop(take_out(mutex));
        assert_eq!(Arc::strong_count(&count), 2, "somebody may still have a reference to it");

        let mutex = shared(&heap, Arc::clone(&count));
        killed_with(mutex);
        drop(take_out(mutex));
        assert_eq!(Arc::strong_count(&count), 3, "nobody has looked whether it is whole");

        let mutex = shared(&heap, Arc::clone(&count));
        killed_with(mutex);
        drop(owner_died(mutex));
        drop(take_out(mutex));
        assert_eq!(Arc::strong_count(&count), 4, "nobody has declared it whole");
    });
}

#[test]
fn a_lock_takes_any_type_that_may_change_threads() {
    #[repr(align(32))]
    struct Aligned(u8);
    #[repr(align(4096))]
    struct Page(u8);
    fn sure<T: Send + Sync + RefUnwindSafe>(_: &T) {}
    in_time(|| {
        let heap = heap();
        drop(shared(&heap, ()).lock().unwrap());
        let cell = shared(&heap, Cell::new(1));
        sure(cell);
        cell.lock().unwrap().set(2);
        assert_eq!(cell.lock().unwrap().get(), 2);

        let mutex = shared(&heap, Aligned(3));
        let guard = mutex.lock().unwrap();
        assert_eq!((&raw const *guard).addr() % 32, 0);
        assert_eq!(guard.0, 3);
        drop(guard);
        killed_with(mutex);
        assert_eq!(owner_died(mutex).replace(Aligned(4)).0, 4);

        let page = shared(&heap, Page(5));
        let guard = page.lock().unwrap();
        assert_eq!(((&raw const *guard).addr() % 4096, guard.0), (0, 5));
    });
}

#[test]
fn text_about_a_lock_leaves_the_data_alone() {
    struct Untouchable;
    impl fmt::Debug for Untouchable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("touched")
        }
    }
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, Untouchable);
        assert!(format!("{mutex:?}").starts_with("ShmMutex { owner: None"));
        poison(mutex);
        assert_eq!(format!("{:?}", mutex.lock().err().unwrap()), "Panicked(..)");
        assert_eq!(format!("{:?}", panicked(mutex)), "Panicked { .. }");
        killed_with(mutex);
        assert!(format!("{mutex:?}").starts_with("ShmMutex { owner: Some"));
        assert_eq!(format!("{:?}", mutex.lock().err().unwrap()), "OwnerDied(..)");
        assert_eq!(format!("{:?}", owner_died(mutex)), "OwnerDied { .. }");
        let guard = owner_died(mutex).replace(Untouchable);
        assert!(format!("{mutex:?}").starts_with("ShmMutex { owner: Some"));
        drop(guard);
        let whole = shared(&heap, "data");
        let guard = whole.lock().unwrap();
        assert_eq!(format!("{guard} {guard:?}"), "data \"data\"");
    });
}

#[test]
fn errors_say_what_has_happened() {
    fn assert_prose(error: &dyn Error) {
        let text = error.to_string();
        assert!(text.starts_with(char::is_lowercase) && !text.ends_with('.'), "{text}");
    }
    in_time(|| {
        let heap = heap();
        let mutex = shared(&heap, 0);
        poison(mutex);
        assert_prose(&mutex.lock().err().unwrap());
        killed_with(mutex);
        assert_prose(&mutex.lock().err().unwrap());
        let system = || JoinError::System(std::io::ErrorKind::OutOfMemory.into());
        for error in [JoinError::TableFull { capacity: 4 }, JoinError::NotAttached, system()] {
            assert_prose(&error);
            let text = error.to_string();
            let has_source = error.source().is_some();
            assert_eq!(has_source, matches!(error, JoinError::System(_)));
            let error = LockError::<'_, u32>::from(error);
            assert_eq!((error.to_string(), error.source().is_some()), (text, has_source));
            assert!(format!("{error:?}").starts_with("NotJoined("));
        }
        let prose = [LockError::<'_, u32>::Held, LockError::Relock].map(|error| {
            assert_prose(&error);
            (error.to_string(), format!("{error:?}"))
        });
        assert_ne!(prose[0], prose[1]);
    });
}
