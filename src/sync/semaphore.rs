//! `ShmSemaphore`: a counting semaphore in one word.
#![forbid(unsafe_code)]

use core::error::Error;
use core::fmt;
use core::time::Duration;

use super::crash_point::crash_point;
use super::primitives::{
    AtomicU32, Expected, Instant, Ordering, const_constructor, futex, heal_after,
};
use super::trust::sooner;

/// A counting semaphore that processes share: one word of fixed layout, on which they sleep.
///
/// It may lie in any memory that several processes have mapped, at whatever addresses; all zero bytes
/// are a semaphore of count 0. It has no owner: a count that a process has taken dies with it. A
/// death never keeps others asleep, though, while there is something to take.
///
/// ```
/// use aquifer::ShmSemaphore;
/// use std::time::Duration;
///
/// let free = ShmSemaphore::new(1);
/// assert!(free.try_wait());
/// assert!(!free.wait_timeout(Duration::from_millis(1)));
/// free.post()?;
/// free.wait();
/// # Ok::<(), aquifer::CountOverflow>(())
/// ```
#[repr(transparent)]
pub struct ShmSemaphore {
    /// | value | state |
    /// |---|---|
    /// | 0 | nothing to take, nobody sleeps who is not awake soon |
    /// | 1 to [`ShmSemaphore::MAX`] | so many to take; who sleeps has somebody who will wake him |
    /// | `SLEEPERS` | nothing to take, and somebody may sleep: the next post wakes one |
    word: AtomicU32,
}

const SLEEPERS: u32 = 1 << 31;

/// How long a sleeper trusts others to wake it: whoever was to do so may have died.
const TRUST: Duration = Duration::from_millis(50);

impl ShmSemaphore {
    /// The largest count.
    pub const MAX: u32 = SLEEPERS - 1;

    const_constructor! {
        /// Makes a semaphore with a count, of which [`ShmSemaphore::MAX`] is the largest: more than
        /// that counts as that.
        pub fn new(count: u32) -> Self {
            let count = if count > Self::MAX { Self::MAX } else { count };
            Self { word: AtomicU32::new(count) }
        }
    }

    /// Adds one, and wakes a sleeper if there is one. Every access before it happens before what
    /// follows the wait that takes it.
    ///
    /// # Errors
    ///
    /// The count is [`ShmSemaphore::MAX`]; it stays so.
    #[doc(alias = "sem_post")]
    pub fn post(&self) -> Result<(), CountOverflow> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let count = count(word);
            if count >= Self::MAX {
                return Err(CountOverflow);
            }
            match self.exchange(word, count + 1, Ordering::Release) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        self.wake_one_if(word == SLEEPERS);
        Ok(())
    }

    /// Takes one if there is one; returns whether it did.
    #[must_use = "whether it has taken one"]
    #[doc(alias = "sem_trywait")]
    pub fn try_wait(&self) -> bool {
        self.take(Waiter::Passing)
    }

    /// Takes one, and sleeps until there is one.
    #[doc(alias = "sem_wait")]
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Takes one, and sleeps until there is one, for `timeout` at most; returns whether it did.
    #[must_use = "whether it has taken one"]
    #[doc(alias = "sem_timedwait")]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.try_wait() || self.wait_until(Some(Instant::after(timeout)))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let mut waiter = Waiter::Passing;
        loop {
            if self.take(waiter) {
                return true;
            }
            // Told before it gives up, too: a call that was meant for this waiter, but came to
            // nothing as another took what there was, must reach the next one who sleeps.
            let Some(asleep) = self.announce() else { continue };
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return false;
            }
            futex::wait(asleep, sooner(deadline, heal_after(TRUST)));
            crash_point!(SleeperWoken);
            waiter = Waiter::Slept;
        }
    }

    /// Makes the count 1, and wakes a sleeper if there is one: for those who come to look whether
    /// something has happened, however often.
    pub(super) fn signal(&self) {
        let raised = self.word.fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
            (count(word) == 0).then_some(1)
        });
        crash_point!(Signalled);
        self.wake_one_if(raised == Ok(SLEEPERS));
    }

    /// Sleeps, once, until there is something to take or `beside` changes or the time is up; takes
    /// it if there is. Between these calls the caller looks for what it really waits for.
    pub(super) fn sleep_once(&self, beside: Expected<'_>, until: Option<Instant>) {
        // Whoever takes here says that others may sleep: it will not come to wake them itself.
        let taken = self.take(Waiter::Slept) || {
            let Some(asleep) = self.announce() else { return };
            crash_point!(AboutToSleep);
            futex::wait_either(asleep, beside, until);
            crash_point!(SleeperWoken);
            self.take(Waiter::Slept)
        };
        if taken {
            crash_point!(SignalTaken);
        }
    }

    /// Takes one if there is one.
    ///
    /// Who has slept may be the only one who was woken for several that can be taken, and the word
    /// no longer tells of other sleepers: it wakes the next, or says that the next post must.
    fn take(&self, waiter: Waiter) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let rest = match count(word) {
                0 => return false,
                count => count - 1,
            };
            let left = if rest == 0 && waiter == Waiter::Slept { SLEEPERS } else { rest };
            match self.exchange(word, left, Ordering::Acquire) {
                Ok(_) => {
                    self.wake_one_if(rest > 0 && waiter == Waiter::Slept);
                    return true;
                }
                Err(now) => word = now,
            }
        }
    }

    /// Says that somebody is about to sleep, and at which value; `None` if there is one to take.
    fn announce(&self) -> Option<Expected<'_>> {
        let word = self.word.load(Ordering::Relaxed);
        // Nothing is published: the bit only asks the next post for a call.
        let told =
            word == SLEEPERS || word == 0 && self.exchange(0, SLEEPERS, Ordering::Relaxed).is_ok();
        told.then_some(Expected { word: &self.word, value: SLEEPERS })
    }

    fn exchange(&self, from: u32, to: u32, success: Ordering) -> Result<u32, u32> {
        self.word.compare_exchange(from, to, success, Ordering::Relaxed)
    }

    fn wake_one_if(&self, somebody_sleeps: bool) {
        if somebody_sleeps {
            futex::wake(&self.word, 1);
        }
    }
}

/// Where a waiter comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiter {
    /// It has not slept, so nobody was woken in its stead.
    Passing,
    /// It has slept.
    Slept,
}

const fn count(word: u32) -> u32 {
    if word == SLEEPERS { 0 } else { word }
}

impl fmt::Debug for ShmSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = count(self.word.load(Ordering::Relaxed));
        f.debug_struct("ShmSemaphore").field("count", &count).finish_non_exhaustive()
    }
}

/// A semaphore's count is as large as it can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CountOverflow;

impl fmt::Display for CountOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the semaphore's count is {} already", ShmSemaphore::MAX)
    }
}

impl Error for CountOverflow {}
