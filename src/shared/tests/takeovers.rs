//! What is found behind a lock whose owner died in the middle of something, and taken from there.
#![expect(unsafe_code, reason = "takes over what the dead have held")]

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{mem, thread};

use crate::shared::access::backing::Backing;
use crate::shared::access::options::HeapOptions;
use crate::shared::access::root::Root;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::vec::ShmVec;
use crate::shared::heap::intent::Place;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::{Traced, stand_still};
use crate::sync::guard::ShmMutexGuard;
use crate::sync::join_error::JoinError;
use crate::sync::lock_error::LockError;
use crate::sync::membership;
use crate::sync::mutex::ShmMutex;
use crate::sync::participants::Life;
use crate::sys::tests::child::{Child, Ending};
use crate::sys::tests::left_out::left_out;
use crate::sys::tests::patience::comes_true;

/// There is room for children of other tests, too: who takes a lock over settles what is to be settled here.
fn heap() -> SharedHeap {
    HeapOptions::new(400 << 10).participants(64).create(&Backing::Memfd).unwrap()
}

fn shared<T: ShmSafe>(heap: &SharedHeap, value: T) -> &'static ShmMutex<T> {
    Root::leak(heap.root_or_insert_with("shared", || ShmMutex::new(value)).unwrap())
}

/// Has a process do something to what a lock protects, and kills it as soon as `until` holds. Returns
/// whether the system lets anybody do so.
fn kill<T: ShmSafe>(
    heap: &SharedHeap,
    mutex: &ShmMutex<T>,
    act: impl Fn(&mut T),
    until: impl Fn() -> bool,
) -> bool {
    let _near = OneProcessor::stay();
    let process = Traced::fork(|| {
        let mut guard = mutex.lock().unwrap();
        drop(heap.attached.hold());
        stand_still();
        act(&mut guard);
        stand_still();
    });
    let Some(mut process) = process else {
        left_out("the system lets nobody trace");
        return false;
    };
    assert!(process.run());
    while !until() {
        assert!(process.step());
    }
    true
}

/// Takes a lock whose owner has died.
fn take_over<T>(mutex: &ShmMutex<T>) -> ShmMutexGuard<'_, T> {
    match mutex.lock() {
        // SAFETY: the dead owner has used it by operations of boxes and vectors alone, which leave it whole
        // at each instruction.
        Err(LockError::OwnerDied(dead)) => unsafe { dead.into_guard() },
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("nobody has died"),
    }
}

#[test]
fn a_box_that_a_dead_process_has_put_there_is_ours() {
    let heap = heap();
    let place = shared(&heap, None::<ShmBox<[u64; 50]>>);
    let end = ptr::from_ref(place).addr() + size_of_val(place);
    let word = heap.attached.offset_of(end - size_of::<u64>()).unwrap();
    let is_put = || heap.attached.word_at(word).unwrap().load(Ordering::Relaxed) != 0;
    let put = |place: &mut Option<_>| ShmBox::insert_in(place, [7; 50], &heap).unwrap();
    if kill(&heap, place, put, is_put) {
        let mine = take_over(place).take().unwrap();
        let other = ShmBox::new_in([9_u64; 50], &heap).unwrap();
        assert_eq!((*mine, *other), ([7; 50], [9; 50]));
        heap.check().unwrap();
    }
}

#[test]
fn a_vector_that_a_dead_process_was_about_to_move_is_ours() {
    let heap = heap();
    let vector = shared(&heap, ShmVec::from_slice_in(&[7_u64; 20], &heap).unwrap());
    let is_taken = || heap.attached.slab.is_pending();
    if kill(&heap, vector, |vector| vector.reserve_exact(200).unwrap(), is_taken) {
        let mine = mem::replace(&mut *take_over(vector), ShmVec::new_in(&heap));
        let others = [(); 8].map(|()| ShmBox::new_in([9_u64; 22], &heap).unwrap());
        assert_eq!(mine, [7; 20]);
        assert!(others.iter().all(|other| **other == [9; 22]));
        heap.check().unwrap();
    }
}

#[test]
fn what_a_dead_process_was_about_to_put_somewhere_is_free() {
    let heap = heap();
    let place = shared(&heap, None::<ShmBox<[u64; 50]>>);
    let is_taken = || heap.attached.slab.is_pending();
    let put = |place: &mut Option<_>| ShmBox::insert_in(place, [7; 50], &heap).unwrap();
    if kill(&heap, place, put, is_taken) {
        let mine = ShmBox::new_in([8_u64; 50], &heap);
        let Err(LockError::OwnerDied(dead)) = place.lock() else { panic!("somebody has died") };
        drop(dead.replace(mine.ok()));
        assert_eq!(place.lock().unwrap().as_deref(), Some(&[8; 50]));
        let mut live = 0;
        heap.attached.slab.check(|_, _| live += 1).unwrap();
        assert_eq!(live, 2, "the root and what it has");
    }
}

#[test]
fn who_takes_a_lock_over_waits_for_nobody_who_lives_elsewhere() {
    let [ours, other] = [heap(), heap()];
    let mutex = shared(&ours, 0_u64);
    let mut holder = Child::fork(|| {
        let _held = other.attached.hold().unwrap();
        // SAFETY: the call takes a number.
        unsafe { libc::raise(libc::SIGSTOP) };
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    });
    holder.wait_until_stopped();
    let die_and_take_over = || {
        assert_eq!(Child::fork(|| mem::forget(mutex.lock().unwrap())).end(), Ending::WELL);
        let mut taker = Child::fork(|| ShmMutexGuard::clear_poison(&mut take_over(mutex)));
        assert_eq!(taker.end(), Ending::WELL);
    };
    die_and_take_over();
    holder.resume();
    die_and_take_over();
    let holds = || other.attached.head.lock.owner().is_some();
    assert!(holds(), "nobody has taken it from him");
    holder.kill();
    die_and_take_over();
    assert!(!holds(), "he is dead");
    other.check().unwrap();
}

#[test]
fn who_leaves_a_heap_waits_for_those_who_settle_it_because_of_another() {
    let [ours, other] = [heap(), heap()];
    let mutex = shared(&ours, 0_u64);
    let mut holder = Child::fork(|| {
        let _held = other.attached.hold().unwrap();
        // So he is waited for.
        other.attached.head.intent.declare(Place::Elsewhere, 0, None);
        // SAFETY: the call takes a number.
        unsafe { libc::raise(libc::SIGSTOP) };
    });
    holder.wait_until_stopped();
    assert_eq!(Child::fork(|| mem::forget(mutex.lock().unwrap())).end(), Ending::WELL);
    let attachment = other.attached.attachment;
    thread::scope(|scope| {
        let taker = scope.spawn(|| ShmMutexGuard::clear_poison(&mut take_over(mutex)));
        let is_pinned = comes_true(|| attachment.is_pinned());
        // SAFETY: nothing that lies in it is used, as far as this test knows.
        let leaver = scope.spawn(|| unsafe { other.detach() });
        thread::sleep(Duration::from_millis(50));
        let has_left = leaver.is_finished();
        holder.kill();
        leaver.join().unwrap();
        taker.join().unwrap();
        assert_eq!((is_pinned, has_left), (true, false));
    });
    assert!(attachment.pin().is_none());
}

#[test]
fn a_private_lock_where_a_heap_was_is_no_shared_one() {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20).unwrap();
    let address = heap.attached.region.address();
    // SAFETY: nothing that lies in it is used any more.
    unsafe { heap.detach() };
    assert!(crate::sync::attachment::Attachment::around(address).is_none());
    let word = AtomicU64::new(0);
    assert!(crate::sync::attachment::Attachment::around(ptr::from_ref(&word).addr()).is_none());
}

#[test]
fn who_takes_a_lock_over_waits_for_him_who_settles() {
    let heap = heap();
    let vector = shared(&heap, ShmVec::from_slice_in(&[7_u64; 20], &heap).unwrap());
    let near = OneProcessor::stay();
    let settle = || {
        drop(heap.attached.hold());
        stand_still();
        drop(heap.attached.hold());
        stand_still();
    };
    let Some(mut settler) = Traced::fork(settle) else {
        left_out("the system lets nobody trace");
        return;
    };
    assert!(settler.run());
    drop(near);
    let is_taken = || heap.attached.slab.is_pending();
    assert!(kill(&heap, vector, |vector| vector.reserve_exact(200).unwrap(), is_taken));
    // He has the heap's lock of the dead, and has not looked yet what that was about.
    let _near = OneProcessor::stay();
    let dead = heap.attached.head.lock.owner();
    while heap.attached.head.lock.owner() == dead {
        assert!(settler.step());
    }
    let taker = {
        let heap = heap.clone();
        thread::spawn(move || mem::replace(&mut *take_over(vector), ShmVec::new_in(&heap)))
    };
    // Long enough for one who does not wait.
    thread::sleep(Duration::from_millis(100));
    assert!(settler.run());
    let mine = taker.join().unwrap();
    let others = [(); 8].map(|()| ShmBox::new_in([9_u64; 22], &heap).unwrap());
    assert_eq!(mine, [7; 20]);
    assert!(others.iter().all(|other| **other == [9; 22]));
    heap.check().unwrap();
}

#[test]
fn a_lock_is_nobodys_until_what_its_dead_owner_did_elsewhere_is_settled() {
    // In a process of its own: nobody who is forked by another test has this full heap.
    let mut scene = Child::fork(|| {
        let (ours, other) = (heap(), HeapOptions::new(400 << 10).participants(2));
        let other = other.create(&Backing::Memfd).unwrap();
        let mutex = shared(&ours, 0_u64);
        let mut dying = Child::fork(|| {
            mem::forget(mutex.lock().unwrap());
            mem::forget(other.attached.hold().unwrap());
            other.attached.head.intent.declare(Place::Here(1 << 16), 0, None);
        });
        assert_eq!(dying.end(), Ending::WELL);
        let join = || {
            membership::join(other.attached.attachment).unwrap();
            thread::park();
        };
        let mut tenant = Child::fork(join);
        let table = other.attached.attachment.table;
        let is_full = || table.tenants().filter(|tenant| tenant.life == Life::Alive).count() == 2;
        assert!(comes_true(is_full));
        let refused = || {
            let full = JoinError::TableFull { capacity: 2 };
            let Err(LockError::NotJoined(refused)) = mutex.lock() else { panic!("it is ours") };
            assert_eq!(refused.to_string(), full.to_string());
        };
        assert_eq!([Child::fork(refused).end(), Child::fork(refused).end()], [Ending::WELL; 2]);
        tenant.kill();
        let take = || {
            drop(take_over(mutex));
            assert!(!other.attached.head.intent.is_declared());
        };
        assert_eq!(Child::fork(take).end(), Ending::WELL);
    });
    assert_eq!(scene.end(), Ending::WELL);
}

#[test]
fn who_has_no_time_does_not_wait_for_who_is_stopped_in_the_middle_of_something() {
    let [ours, other] = [heap(), heap()];
    let mutex = shared(&ours, 0_u64);
    let mut holder = Child::fork(|| {
        let held = other.attached.hold().unwrap();
        other.attached.head.intent.declare(Place::Elsewhere, 0, None);
        // SAFETY: the call takes a number.
        unsafe { libc::raise(libc::SIGSTOP) };
        other.attached.head.intent.clear();
        drop(held);
    });
    holder.wait_until_stopped();
    let mut dying = Child::fork(|| mem::forget(mutex.lock().unwrap()));
    assert_eq!(dying.end(), Ending::WELL);
    // In a process of its own, which is waited for no longer than that.
    let try_it = || {
        // The first finds a dead owner, the second what it has left.
        for _ in 0..2 {
            let Err(LockError::Held) = mutex.try_lock() else { panic!("it is not to be had") };
            let moment = Duration::from_millis(5);
            let Err(LockError::Held) = mutex.lock_timeout(moment) else { panic!("nor this way") };
        }
        assert!(!mutex.is_locked());
    };
    assert_eq!(Child::fork(try_it).end(), Ending::WELL);
    holder.resume();
    assert_eq!(holder.end(), Ending::WELL);
    drop(take_over(mutex));
}
