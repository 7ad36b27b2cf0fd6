//! A picture of a heap: a cell for each page, or for some pages in a row where there are many.
#![forbid(unsafe_code)]

use core::fmt::Write;
use std::collections::BTreeMap;

use super::palette::Paint;
use super::report::{HeapReport, PageRun, PageUsage};

/// What a cell shows.
#[derive(Clone, Copy, Debug)]
struct Cell {
    first_page: u32,
    pages: u32,
    /// What most of the pages are used for.
    paint: Paint,
    /// How much of their blocks is handed out, from 0 to 1.
    fill: f32,
    /// The run that begins it.
    run: PageRun,
    /// Whether the next cell begins in the same run as this one ends in.
    goes_on: bool,
}

/// What the pages of a cell are used for.
#[derive(Default)]
struct Tally {
    pages: BTreeMap<Paint, u32>,
    used_bytes: u64,
    total_bytes: u64,
}

impl HeapReport {
    /// The most cells of a picture.
    pub const MAX_CELLS: u32 = 2048;

    /// Draws the heap: an SVG image that stands alone, of at most some hundred kilobytes.
    ///
    /// Each page is a cell, coloured by what it is used for and the paler the fewer of its blocks are
    /// handed out. Pages of one run are joined. Where there are more pages than [`HeapReport::MAX_CELLS`] a
    /// cell stands for 2, 4, 8 … in a row, and has the colour of most of them.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let picture = heap.report().to_svg();
    /// assert!(picture.starts_with("<svg") && picture.contains("page 0"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        const COLUMNS: usize = 64;
        const STEP: usize = 10;
        const LEGEND_COLUMNS: usize = 4;
        const LINE: usize = 18;
        let (cells, pages_per_cell) = self.cells();
        let paints = self.paints();
        let top = 2 * LINE;
        let legend_top = top + cells.len().div_ceil(COLUMNS) * STEP + LINE;
        let width = (COLUMNS + 1) * STEP;
        let height = legend_top + paints.len().div_ceil(LEGEND_COLUMNS) * LINE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <style>.{}</style>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
            paints.iter().map(|paint| paint.style()).collect::<Vec<_>>().join(" .")
        );
        let heading = self.heading(pages_per_cell);
        text(&mut svg, STEP / 2, LINE, &heading);
        for (index, cell) in cells.iter().enumerate() {
            let (column, row) = (index % COLUMNS, index / COLUMNS);
            let is_joined = cell.goes_on && column + 1 < COLUMNS;
            let width = if is_joined { STEP } else { STEP - 1 };
            cell.draw(&mut svg, (STEP / 2 + column * STEP, top + row * STEP), (width, STEP - 1));
        }
        for (index, paint) in paints.iter().enumerate() {
            let x = STEP / 2 + index % LEGEND_COLUMNS * (COLUMNS * STEP / LEGEND_COLUMNS);
            let y = legend_top + index / LEGEND_COLUMNS * LINE;
            path(&mut svg, (x, y), (STEP - 1, STEP - 1), *paint, 1.0);
            svg.push_str("/>\n");
            text(&mut svg, x + LINE, y + STEP - 1, &paint.to_string());
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn heading(&self, pages_per_cell: u32) -> String {
        let (pages, free) = (self.stats.pages, self.stats.free_pages);
        let each = match pages_per_cell {
            1 => String::from("each cell is one"),
            more => format!("each cell is {more}"),
        };
        let damage = self.damage.map_or(String::new(), |damage| format!("; DAMAGED: {damage}"));
        format!("{pages} pages, {free} of them free; {each}{damage}")
    }

    /// All paints that the runs have, in the order of the legend.
    fn paints(&self) -> Vec<Paint> {
        let mut paints: Vec<_> = self.runs.iter().map(|run| Paint::of(run.usage)).collect();
        paints.sort_unstable();
        paints.dedup();
        paints
    }

    /// The cells, and of how many pages each is.
    fn cells(&self) -> (Vec<Cell>, u32) {
        let end = self.runs.last().map_or(0, |run| run.first_page.saturating_add(run.pages));
        let step = end.div_ceil(Self::MAX_CELLS).next_power_of_two();
        let mut runs = self.runs.as_slice();
        let firsts = (0..end).step_by(step as usize);
        let cell = |first_page| {
            let pages = step.min(end - first_page);
            // Those that end before this cell are done with.
            while let [run, rest @ ..] = runs {
                if end_of(run) > first_page {
                    break;
                }
                runs = rest;
            }
            Cell::of(runs, first_page, pages)
        };
        (firsts.filter_map(cell).collect(), step)
    }
}

fn end_of(run: &PageRun) -> u32 {
    run.first_page.saturating_add(run.pages)
}

impl Cell {
    /// The cell of some pages; the first run goes at least as far as its first page.
    fn of(runs: &[PageRun], first_page: u32, pages: u32) -> Option<Self> {
        let end = first_page + pages;
        let here = || runs.iter().take_while(|run| run.first_page < end);
        let mut tally = Tally::default();
        for run in here() {
            let pages = end_of(run).min(end) - run.first_page.max(first_page);
            tally.add(run.usage, pages);
        }
        let goes_on = here().last().is_some_and(|run| end_of(run) > end);
        let (paint, fill) = (tally.most()?, tally.fill());
        Some(Self { first_page, pages, paint, fill, run: *runs.first()?, goes_on })
    }

    fn draw(&self, svg: &mut String, at: (usize, usize), size: (usize, usize)) {
        path(svg, at, size, self.paint, 0.3 + 0.7 * self.fill);
        svg.push_str("><title>");
        escape(svg, &self.title());
        svg.push_str("</title></path>\n");
    }

    fn title(&self) -> String {
        let Self { first_page, pages, paint, fill, run, .. } = self;
        if *pages > 1 {
            let (last, percent) = (first_page + pages - 1, fill * 100.0);
            return format!("pages {first_page} to {last}: mostly {paint}, {percent:.0} % used");
        }
        match run.usage {
            PageUsage::Blocks { block_bytes, used, total } => {
                format!("page {first_page}: {used} of {total} blocks of {block_bytes} bytes")
            }
            _ => format!("page {first_page}: {paint}, one of {}", run.pages),
        }
    }
}

impl Tally {
    fn add(&mut self, usage: PageUsage, pages: u32) {
        *self.pages.entry(Paint::of(usage)).or_default() += pages;
        let (used, total) = match usage {
            PageUsage::Free => (0, 0),
            PageUsage::Blocks { used, total, .. } => (used, total.max(1)),
            PageUsage::Whole | PageUsage::Unknown => (1, 1),
        };
        // By pages: a run of several counts for as many as lie here.
        let pages = u64::from(pages) << 16;
        self.used_bytes += pages * u64::from(used) / u64::from(total.max(1));
        self.total_bytes += if total > 0 { pages } else { 0 };
    }

    fn most(&self) -> Option<Paint> {
        self.pages.iter().max_by_key(|(_, pages)| **pages).map(|(paint, _)| *paint)
    }

    fn fill(&self) -> f32 {
        match self.total_bytes {
            0 => 0.0,
            total => (self.used_bytes as f32 / total as f32).min(1.0),
        }
    }
}

/// Begins the rectangle of a cell.
fn path(svg: &mut String, at: (usize, usize), size: (usize, usize), paint: Paint, opacity: f32) {
    let ((x, y), (width, height)) = (at, size);
    let class = paint.name();
    let _ = write!(svg, "<path class=\"{class}\" d=\"M{x} {y}h{width}v{height}h-{width}z\"");
    if opacity < 1.0 && paint.is_shaded() {
        let _ = write!(svg, " opacity=\"{opacity:.2}\"");
    }
}

fn text(svg: &mut String, x: usize, y: usize, text: &str) {
    let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\">");
    escape(svg, text);
    svg.push_str("</text>\n");
}

/// Adds text in which nothing is taken for markup.
fn escape(svg: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '"' => svg.push_str("&quot;"),
            _ if character.is_control() => svg.push(char::REPLACEMENT_CHARACTER),
            _ => svg.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_taken_for_markup() {
        let mut escaped = String::new();
        escape(&mut escaped, "a<b>&\"\u{1b}");
        assert_eq!(escaped, "a&lt;b&gt;&amp;&quot;\u{fffd}");
    }
}
