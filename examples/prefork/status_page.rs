//! The status as a page for people, which keeps itself up to date.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use crate::counters::Figures;
use crate::status::Status;
use crate::text::{Escaped, Text};

const HEAD: &str = include_str!("site/status_head.html");

pub(crate) fn write(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    text.write_str(HEAD)?;
    write_tiles(text, status)?;
    write_latency(text, status)?;
    write_workers(text, status)?;
    write_heap(text, status)?;
    text.write_str("</main></html>\n")
}

/// The figures that one looks at first.
fn write_tiles(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let Figures { done, latency } = &status.figures;
    let [_, _, answered, moved, client, server] = done.statuses;
    text.write_str("<section class=tiles>")?;
    tile(text, "requests", done.requests, format_args!("{} connections", done.connections))?;
    let hits = format_args!("{} of {}", done.hits, done.hits + done.misses);
    tile(text, "from the cache", Percent(status.hit_rate()), hits)?;
    let p99 = format_args!("99 % within {}", Time(latency.quantile(0.99)));
    tile(text, "median time", Time(latency.quantile(0.5)), p99)?;
    let kinds = format_args!("{moved} moved, {client} refused, {server} failed");
    tile(text, "answered well", answered, kinds)?;
    let limited = format_args!("of {} refused", client);
    tile(text, "too fast", done.limited, limited)?;
    let started = format_args!("{} started so far", status.starts);
    tile(text, "workers", status.workers.len(), started)?;
    text.write_str("</section>")
}

fn tile(
    text: &mut Text<'_>,
    name: &str,
    figure: impl fmt::Display,
    more: fmt::Arguments<'_>,
) -> fmt::Result {
    write!(text, "<div><small>{name}</small><b>{figure}</b><small>{more}</small></div>")
}

/// A bar for each bucket, the highest for the one with most requests.
fn write_latency(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let latency = &status.figures.latency;
    text.write_str("<h2>How long requests took</h2><figure class=bars>")?;
    let most = latency.buckets().map(|(_, count)| count).max().unwrap_or(1);
    for (end, count) in latency.buckets() {
        let height = 100.0 * count as f64 / most as f64;
        write!(
            text,
            "<i style='height:{height:.1}%' title='{count} requests within {}'></i>",
            Time(end)
        )?;
    }
    text.write_str("</figure><p class=quantiles>")?;
    for part in [0.5, 0.9, 0.99, 0.999] {
        write!(
            text,
            "<span>{} within <b>{}</b></span> ",
            Percent(part),
            Time(latency.quantile(part))
        )?;
    }
    text.write_str("</p>")
}

fn write_workers(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    text.write_str(
        "<h2>Workers</h2><table><tr><th>pid<th>generation<th>age<th>requests<th>connections",
    )?;
    for (worker, age) in &status.workers {
        write!(
            text,
            "<tr><td>{}<td>{}<td>{age:.0} s<td>{}<td>{}",
            worker.pid, worker.generation, worker.requests, worker.connections
        )?;
    }
    text.write_str("</table>")
}

fn write_heap(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let (bytes, blocks) = status.heap_use();
    write!(
        text,
        "<h2>The heap that they share</h2><p>{} of {} in {blocks} blocks, {} answers with {} among \
         them. The check says: <b>{}</b>.</p><figure class=heap>{}</figure>",
        Bytes(bytes),
        Bytes(status.report.stats.bytes),
        status.cached_answers,
        Bytes(status.cached_bytes),
        Escaped(status.damage.as_deref().unwrap_or("whole")),
        status.report.to_svg()
    )
}

/// A part of 1.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 * 1000.0).round() / 10.0)
    }
}

/// Nanoseconds.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as f64 {
            time if time < 1e6 => write!(f, "{:.1} µs", time / 1e3),
            time if time < 1e9 => write!(f, "{:.1} ms", time / 1e6),
            time => write!(f, "{:.1} s", time / 1e9),
        }
    }
}

struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as f64 {
            bytes if bytes < 1048576.0 => write!(f, "{:.1} KiB", bytes / 1024.0),
            bytes => write!(f, "{:.1} MiB", bytes / 1048576.0),
        }
    }
}
