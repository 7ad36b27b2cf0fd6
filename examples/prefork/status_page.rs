//! The status as a page for people, which keeps itself up to date.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use crate::counters::Figures;
use crate::latency_chart;
use crate::status::Status;
use crate::text::{Escaped, Text};
use crate::units::{Age, Bytes, Count, Percent, Time};

/// Its end is in the page; the script there exchanges the content of each element that has an `id`.
const HEAD: &str = include_str!("site/status_head.html");

pub(crate) fn write(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    text.write_str(HEAD)?;
    write_tiles(text, status)?;
    write_answers(text, status)?;
    write_latency(text, status)?;
    write_workers(text, status)?;
    write_heap(text, status)?;
    text.write_str("</main></html>\n")
}

/// The figures that one looks at first.
fn write_tiles(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let Figures { done, latency } = &status.figures;
    let time = |part| Time(latency.quantile(part));
    write!(text, "<section class=tiles id=tiles data-requests={}>", done.requests)?;
    let sent = format_args!("{} sent", Bytes(done.bytes));
    tile(text, "Requests", Count(done.requests), sent)?;
    let hits = format_args!("{} of {}", Count(done.hits), Count(done.hits + done.misses));
    tile(text, "From the cache", Percent(status.hit_rate()), hits)?;
    tile(text, "Time to answer, median", time(0.5), format_args!("90 % within {}", time(0.9)))?;
    tile(text, "Time to answer, 99 %", time(0.99), format_args!("99.9 % within {}", time(0.999)))?;
    text.write_str("</section>")
}

fn tile(
    text: &mut Text<'_>,
    name: &str,
    figure: impl fmt::Display,
    more: fmt::Arguments<'_>,
) -> fmt::Result {
    write!(text, "<div><span>{name}</span><b>{figure}</b><small>{more}</small></div>")
}

/// What became of the requests.
fn write_answers(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let done = &status.figures.done;
    let [_, _, answered, moved, refused, failed] = done.statuses;
    text.write_str("<dl id=answers>")?;
    for (name, count) in [
        ("answered", answered),
        ("moved", moved),
        ("refused", refused),
        ("too fast", done.limited),
        ("failed", failed),
        ("connections", done.connections),
    ] {
        write!(text, "<div><dt>{name}</dt><dd>{}</dd></div>", Count(count))?;
    }
    text.write_str("</dl>")
}

fn write_latency(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    text.write_str("<h2>How long answers took to make</h2><figure id=latency>")?;
    latency_chart::write(text, &status.figures.latency)?;
    text.write_str("</figure>")
}

fn write_workers(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    write!(
        text,
        "<h2>Workers <small id=starts>{} of {} that were ever started</small></h2>\
         <table><thead><tr><th>pid<th>age<th>requests<th>connections<th class=generation>generation\
         <tbody id=workers>",
        status.workers.len(),
        Count(status.starts)
    )?;
    for (worker, age) in &status.workers {
        write!(
            text,
            "<tr><td>{}<td>{}<td>{}<td>{}<td class=generation>{}",
            worker.pid,
            Age(*age),
            Count(worker.requests),
            Count(worker.connections),
            worker.generation
        )?;
    }
    text.write_str("</table>")
}

fn write_heap(text: &mut Text<'_>, status: &Status) -> fmt::Result {
    let (bytes, blocks) = status.heap_use();
    let stats = &status.report.stats;
    let (class, check) = match &status.damage {
        None => ("whole", "whole"),
        Some(damage) => ("damaged", damage.as_str()),
    };
    write!(
        text,
        "<h2>The heap that they share <small id=check>checked just now: \
         <b class={class}>{}</b></small></h2>\
         <div id=memory><div class=meter><i style='width:{:.2}%'></i></div><dl>\
         <div><dt>used</dt><dd>{} of {}</dd></div><div><dt>blocks</dt><dd>{}</dd></div>\
         <div><dt>cached answers</dt><dd>{}, {}</dd></div><div><dt>processes</dt><dd>{}</dd></div>\
         </dl></div><figure class=picture id=picture>",
        Escaped(check),
        100.0 * bytes as f64 / stats.bytes as f64,
        Bytes(bytes as u64),
        Bytes(stats.bytes as u64),
        Count(blocks as u64),
        Count(status.cached_answers as u64),
        Bytes(status.cached_bytes as u64),
        stats.participants,
    )?;
    status.report.write_svg(text)?;
    text.write_str("</figure>")
}
