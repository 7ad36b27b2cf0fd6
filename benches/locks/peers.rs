//! The locks that are compared, behind one face.
#![expect(unsafe_code, reason = "writes a lock into a page of a heap")]

use std::alloc::Layout;
use std::ops::DerefMut;

use aquifer::{Backing, HeapOptions, LockError, ShmMutex, ShmMutexGuard};

use super::pthread::{Pthread, PthreadGuard};
use super::shared::Shared;

/// A lock around a number.
pub(crate) trait Lock: Sync {
    const NAME: &'static str;

    type Guard<'a>: DerefMut<Target = u64>
    where
        Self: 'a;

    fn lock(&self) -> Self::Guard<'_>;
}

/// A lock that outlives its owner.
pub(crate) trait Robust: Lock {
    /// Takes the lock, and tells whether its last owner has died with it. The next is not told again.
    fn inherit(&self) -> (Self::Guard<'_>, bool);
}

/// One lock of each kind, each at the start of a cache line, on a page of its own.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) aquifer: &'static ShmMutex<u64>,
    pub(crate) std: Shared<std::sync::Mutex<u64>>,
    pub(crate) parking_lot: Shared<parking_lot::Mutex<u64>>,
    pub(crate) pthread: Shared<Pthread<false>>,
    pub(crate) robust: Shared<Pthread<true>>,
}

impl Peers {
    pub(crate) fn new() -> Self {
        Self {
            aquifer: aquifer_lock(),
            std: Shared::new(std::sync::Mutex::new(0)),
            parking_lot: Shared::new(parking_lot::Mutex::new(0)),
            pthread: Pthread::shared(),
            robust: Pthread::shared(),
        }
    }
}

fn aquifer_lock() -> &'static ShmMutex<u64> {
    /// More than take part at a time.
    const PARTICIPANTS: u32 = 63;
    let options = HeapOptions::new(1 << 20).participants(PARTICIPANTS);
    let heap = options.create(&Backing::Memfd).expect("the system gives memory");
    let page = Layout::from_size_align(4096, 4096).expect("a layout");
    let place = heap.alloc_layout(page).expect("a new heap has pages").cast();
    // SAFETY: a page was handed out, in which nothing else is.
    unsafe { place.write(ShmMutex::new(0)) };
    // SAFETY: written above; the page is not given back, and the heap stays mapped.
    unsafe { place.as_ref() }
}

impl Lock for ShmMutex<u64> {
    const NAME: &'static str = "aquifer";

    type Guard<'a> = ShmMutexGuard<'a, u64>;

    #[inline(always)]
    fn lock(&self) -> Self::Guard<'_> {
        self.lock().unwrap()
    }
}

impl Robust for ShmMutex<u64> {
    fn inherit(&self) -> (Self::Guard<'_>, bool) {
        match self.lock() {
            Ok(guard) => (guard, false),
            Err(LockError::OwnerDied(dead)) => (dead.replace(0), true),
            Err(error) => panic!("{error}"),
        }
    }
}

impl Lock for std::sync::Mutex<u64> {
    const NAME: &'static str = "std";

    type Guard<'a> = std::sync::MutexGuard<'a, u64>;

    #[inline(always)]
    fn lock(&self) -> Self::Guard<'_> {
        self.lock().unwrap()
    }
}

impl Lock for parking_lot::Mutex<u64> {
    const NAME: &'static str = "parking_lot";

    type Guard<'a> = parking_lot::MutexGuard<'a, u64>;

    #[inline(always)]
    fn lock(&self) -> Self::Guard<'_> {
        self.lock()
    }
}

impl<const ROBUST: bool> Lock for Pthread<ROBUST> {
    const NAME: &'static str = if ROBUST { "pthread robust" } else { "pthread" };

    type Guard<'a> = PthreadGuard<'a, ROBUST>;

    #[inline(always)]
    fn lock(&self) -> Self::Guard<'_> {
        self.take().0
    }
}

impl Robust for Pthread<true> {
    fn inherit(&self) -> (Self::Guard<'_>, bool) {
        self.take()
    }
}
