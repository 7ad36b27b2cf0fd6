//! Staying on one processor: two processes that take turns do so several times as fast as on two.
#![expect(unsafe_code, reason = "reads and sets on which processors a thread may run")]

use core::mem;

/// Keeps this thread, and those it forks, on the processor it is on, until this is dropped.
pub(crate) struct OneProcessor {
    before: libc::cpu_set_t,
}

impl OneProcessor {
    const BYTES: usize = size_of::<libc::cpu_set_t>();

    /// None if the system does not say where this thread may run.
    pub(crate) fn stay() -> Option<Self> {
        let mut before = no_processors();
        // SAFETY: there is room for as many bytes as are said.
        let result = unsafe { libc::sched_getaffinity(0, Self::BYTES, &raw mut before) };
        // SAFETY: the call takes nothing.
        let here = usize::try_from(unsafe { libc::sched_getcpu() }).ok()?;
        let mut only_here = no_processors();
        // SAFETY: the set is borrowed, and a number it has no room for is a panic.
        unsafe { libc::CPU_SET(here, &mut only_here) };
        let stays = result == 0 && set(&only_here);
        stays.then_some(Self { before })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        set(&self.before);
    }
}

/// Returns whether it was done. A refusal costs time alone.
fn set(processors: &libc::cpu_set_t) -> bool {
    // SAFETY: the set is borrowed, and has as many bytes as are said.
    unsafe { libc::sched_setaffinity(0, OneProcessor::BYTES, processors) == 0 }
}

fn no_processors() -> libc::cpu_set_t {
    // SAFETY: the set is of numbers alone.
    unsafe { mem::zeroed() }
}
