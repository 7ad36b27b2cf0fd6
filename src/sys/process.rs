//! This process, as others see it; and what they may know of one that died.
#![expect(unsafe_code, reason = "makes system calls")]

use core::mem::MaybeUninit;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns when this process started, in seconds since 1970; 0 where `/proc` does not tell.
pub(crate) fn start_seconds() -> u32 {
    let started = || {
        let status = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program may hold anything, brackets and spaces, too.
        let (_, fields) = status.rsplit_once(')')?;
        let ticks: u64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
        // SAFETY: the call takes a number and returns one.
        let ticks_per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok()?;
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let boot = now.checked_sub(Duration::try_from_secs_f64(uptime).ok()?)?;
        u32::try_from(boot.as_secs() + ticks.checked_div(ticks_per_second)?).ok()
    };
    started().unwrap_or(0)
}

/// Whether this process may use more than one processor. It allocates nothing, and takes no lock.
pub(crate) fn has_several_processors() -> bool {
    let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: there is room for what is written.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), set.as_mut_ptr()) };
    // SAFETY: all zero is a set, and what the call writes is, too.
    let set = unsafe { set.assume_init_ref() };
    // SAFETY: it reads the set.
    let count = unsafe { libc::CPU_COUNT(set) };
    // A machine with more processors than fit into the set has several.
    result < 0 || count > 1
}

/// Lets this process be interrupted by [`settle_the_dead`] of others.
///
/// # Errors
///
/// Those of `membarrier`, which came with Linux 4.16.
pub(crate) fn take_part_in_barriers() -> io::Result<()> {
    barrier(libc::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED)
}

/// Returns when no thread of a process that is known to be dying executes its own code any more.
///
/// The kernel marks a keeper's word as it takes that one thread down. By then it has flagged every
/// other thread of the process, under the lock that the keeper itself had to take on its way out;
/// but on another processor such a thread may execute a few instructions more, until the interrupt
/// reaches it. This barrier interrupts all processors that run a participant, and on the way back
/// from an interrupt a flagged thread ends.
pub(crate) fn settle_the_dead() {
    /// Far longer than an interrupt is under way: for kernels and filters that refuse the barrier.
    const GRACE: Duration = Duration::from_millis(10);
    if barrier(libc::MEMBARRIER_CMD_GLOBAL_EXPEDITED).is_err() {
        std::thread::sleep(GRACE);
    }
}

fn barrier(command: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes three numbers and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
