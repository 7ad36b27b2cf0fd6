//! How often requests took how long, drawn: a bar for each bucket, on an axis on which each tenfold is as wide.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use crate::histogram::Histogram;
use crate::text::Text;
use crate::units::{Count, Time};

/// Where the axis begins, and how far it goes at least, in nanoseconds.
const FIRST: u64 = 448;
const LAST: u64 = 2_000_000;

pub(crate) fn write(text: &mut Text<'_>, latency: &Histogram) -> fmt::Result {
    let last = latency.buckets().map(|(end, _)| end).max().unwrap_or(0).max(LAST);
    let place = |time: u64| 100.0 * logarithm(time, FIRST) / logarithm(last, FIRST);
    let most = latency.buckets().map(|(_, count)| count).max().unwrap_or(1);
    text.write_str("<div class=bars>")?;
    for (end, count) in latency.buckets() {
        let (left, height) = (place(start(end)), 100.0 * count as f64 / most as f64);
        let width = place(end) - left;
        let (count, end) = (Count(count), Time(end));
        write!(
            text,
            "<i style='left:{left:.2}%;width:{width:.2}%;height:{height:.1}%' \
             title='{count} requests within {end}'></i>"
        )?;
    }
    text.write_str("</div><div class=axis>")?;
    // One at the very end would stand out of the picture.
    let marks = (3..).map(|power| 10_u64.pow(power)).take_while(|&time| place(time) < 97.0);
    for time in marks {
        write!(text, "<span style='left:{:.2}%'>{}</span>", place(time), Mark(time))?;
    }
    text.write_str("</div>")
}

/// How many times one is ten times the other.
fn logarithm(time: u64, first: u64) -> f64 {
    (time as f64 / first as f64).log10()
}

/// Where a bucket starts: there are four to each doubling.
fn start(end: u64) -> u64 {
    end - (1 << ((end - 1).ilog2() - 2))
}

/// A power of ten, of nanoseconds.
struct Mark(u64);

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            time @ 0..1_000_000 => write!(f, "{} µs", time / 1_000),
            time @ 1_000_000..1_000_000_000 => write!(f, "{} ms", time / 1_000_000),
            time => write!(f, "{} s", time / 1_000_000_000),
        }
    }
}
