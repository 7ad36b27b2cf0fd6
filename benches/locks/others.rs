//! What other programs took of the processors meanwhile: with one left, nobody is contended.
#![expect(unsafe_code, reason = "asks the system for times")]

use std::fs;
use std::mem::MaybeUninit;
use std::time::Instant;

/// A span of time that is not over yet.
#[derive(Debug)]
pub(crate) struct Span {
    start: Instant,
    /// Seconds that all programs and this one had had when it began.
    all: f64,
    own: f64,
}

impl Span {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), all: busy_seconds(), own: own_seconds() }
    }

    /// How many processors others had in the mean; 0 where `/proc` does not tell.
    pub(crate) fn processors_of_others(&self) -> f64 {
        let others = busy_seconds() - self.all - (own_seconds() - self.own);
        (others / self.start.elapsed().as_secs_f64()).max(0.0)
    }
}

/// Those rounds in which other programs ran the least: the half, and at least one.
pub(crate) fn quieter_half<R>(mut rounds: Vec<R>, others: impl Fn(&R) -> f64) -> Vec<R> {
    rounds.sort_by(|one, other| others(one).total_cmp(&others(other)));
    rounds.truncate(rounds.len().div_ceil(2));
    rounds
}

/// Seconds in which the processors were not idle, other machines' on the same host included.
fn busy_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let times = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
    let times: Vec<f64> = times.filter_map(|ticks| ticks.parse().ok()).collect();
    // User, nice, system; idle and waiting for disks; interrupts twice; stolen.
    let ticks: f64 = [0, 1, 2, 5, 6, 7].iter().filter_map(|&kind| times.get(kind)).sum();
    // SAFETY: the call takes a number and returns one.
    ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
}

/// Seconds that this process had, and those of its children that have ended.
fn own_seconds() -> f64 {
    let seconds = [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(|whose| {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: there is room for what is written.
        unsafe { libc::getrusage(whose, usage.as_mut_ptr()) };
        // SAFETY: all zero is a value, too.
        let usage = unsafe { usage.assume_init() };
        let times = [usage.ru_utime, usage.ru_stime];
        times.map(|time| time.tv_sec as f64 + time.tv_usec as f64 / 1e6).iter().sum::<f64>()
    });
    seconds.iter().sum()
}
