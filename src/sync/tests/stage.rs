//! Two locks in shared memory and a board beside them, for processes that have them at other addresses.
#![expect(unsafe_code, reason = "places values in a mapping")]

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::child::Child;
use super::testbed::Testbed;
use crate::sync::mutex::ShmMutex;

/// Two locks around a `T` each, and a `B` by which the processes of a test tell each other things.
pub(super) struct Stage<T: 'static, B: 'static> {
    bed: Testbed,
    shared: PhantomData<(T, B)>,
}

#[repr(C)]
struct Shared<T, B> {
    mutexes: [ShmMutex<T>; 2],
    board: B,
}

impl<T: Default + Send, B: Sync> Stage<T, B> {
    pub(super) fn new(capacity: u32, board: B) -> Self {
        let bytes = size_of::<Shared<T, B>>();
        let bed = Testbed::create(capacity, bytes).expect("memory to share");
        let mutexes = [ShmMutex::new(T::default()), ShmMutex::new(T::default())];
        let shared = Shared { mutexes, board };
        const { assert!(align_of::<Shared<T, B>>() <= 32) };
        // SAFETY: there is room for it, aligned as it needs, and nothing is there yet.
        unsafe { bed.room().write(shared) };
        Self { bed, shared: PhantomData }
    }

    pub(super) fn mutex(&self) -> &'static ShmMutex<T> {
        &self.shared().mutexes[0]
    }

    pub(super) fn second_mutex(&self) -> &'static ShmMutex<T> {
        &self.shared().mutexes[1]
    }

    pub(super) fn board(&self) -> &'static B {
        &self.shared().board
    }

    pub(super) fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// Where this process has them.
    pub(super) fn address(&self) -> usize {
        ptr::from_ref(self.shared()).addr()
    }

    /// Forks a process that runs `body` with this stage at an address of its own.
    pub(super) fn fork(&mut self, body: impl FnOnce(&mut Self)) -> Child {
        static FORKS: AtomicUsize = AtomicUsize::new(0);
        let nth = FORKS.fetch_add(1, Ordering::Relaxed);
        Child::fork(|| {
            self.move_away(nth);
            body(self);
        })
    }

    fn move_away(&mut self, nth: usize) {
        /// The kernel gives the same places to all who ask as often.
        const PLACES: usize = 13;
        let before = self.address();
        for _ in 0..=nth % PLACES {
            self.bed.map_elsewhere().expect("an address to spare");
        }
        assert_ne!(self.address(), before);
    }

    fn shared(&self) -> &'static Shared<T, B> {
        // SAFETY: `new` has written it there, it is shared, and the mapping stays.
        unsafe { self.bed.room().as_ref() }
    }
}
