//! Figures with their units, as people read them.
#![forbid(unsafe_code)]

use std::fmt;

/// A number, with a comma before each three digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count(pub(crate) u64);

/// A part of 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percent(pub(crate) f64);

/// Nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) u64);

/// Seconds, of which there may be many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age(pub(crate) f64);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            few @ 0..1000 => write!(f, "{few}"),
            many => write!(f, "{},{:03}", Self(many / 1000), many % 1000),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cut off, not rounded: 100 % are all.
        write!(f, "{} %", (self.0 * 10_000.0).floor() / 100.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as f64 {
            time if time < 1e6 => scaled(f, time / 1e3, "µs"),
            time if time < 1e9 => scaled(f, time / 1e6, "ms"),
            time => scaled(f, time / 1e9, "s"),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as u64 {
            seconds @ 0..60 => write!(f, "{seconds} s"),
            seconds @ 60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            seconds @ 3600..86_400 => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
            seconds => write!(f, "{} d {} h", seconds / 86_400, seconds / 3600 % 24),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as f64 {
            bytes if bytes < 1_048_576.0 => scaled(f, bytes / 1024.0, "KiB"),
            bytes if bytes < 1_073_741_824.0 => scaled(f, bytes / 1_048_576.0, "MiB"),
            bytes => scaled(f, bytes / 1_073_741_824.0, "GiB"),
        }
    }
}

/// Three digits or so.
fn scaled(f: &mut fmt::Formatter<'_>, number: f64, unit: &str) -> fmt::Result {
    let digits = usize::from(number < 99.95);
    write!(f, "{number:.digits$} {unit}")
}
