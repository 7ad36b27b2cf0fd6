//! A picture of a heap: a cell for each page, or for some pages in a row where there are many.
#![forbid(unsafe_code)]

use core::fmt::{self, Display, Formatter, Write};
use core::ops::Range;
use std::collections::BTreeMap;

use super::palette::{Look, Paint};
use super::report::HeapReport;
use super::stretch::{Cell, Stretch, end_of};

const COLUMNS: u32 = 64;
/// A cell and the gap behind it.
const STEP: u32 = 10;
const LEGEND_COLUMNS: u32 = 4;
const LINE: u32 = 18;
/// Where the cells begin.
const LEFT: u32 = STEP / 2;
const TOP: u32 = 2 * LINE;

/// A picture that stands alone has the colours of the system, and one within a page those of the page: there
/// the root is another, and none of this holds.
const STYLE: &str = "<style>svg:root{color:#1c2b36;background:#fff}\
    @media(prefers-color-scheme:dark){svg:root{color:#d9e3ea;background:#12181d}}</style>\n";

impl HeapReport {
    /// The most cells of a picture.
    pub const MAX_CELLS: u32 = 2048;
    /// The most bytes of a picture.
    pub const MAX_SVG_BYTES: usize = 60_000;

    /// Draws the heap: an SVG image of at most [`HeapReport::MAX_SVG_BYTES`].
    ///
    /// Each page is a cell, coloured by what it is used for and the paler the fewer of its blocks are
    /// handed out. Pages of one run are joined. Where there are more pages than [`HeapReport::MAX_CELLS`], which
    /// is 2048, a cell stands for 2, 4, 8 … in a row: it has the colour of most of them, and is as pale as all of them
    /// together. Neighbours of one colour have a
    /// tooltip together; and so have others, where single ones would take more bytes.
    ///
    /// It stands alone, or within a page of HTML, with which it shares neither names nor styles: there, its text
    /// has the colour of the text around it. Dark pages do as well as light ones.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let picture = heap.report().to_svg();
    /// assert!(picture.starts_with("<svg") && picture.contains("<title>pages 0 to "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut svg = String::new();
        // A string refuses nothing.
        let _ = self.write_svg(&mut svg);
        svg
    }

    /// Draws the heap as [`HeapReport::to_svg`] does, to where the image is to be.
    ///
    /// ```
    /// use aquifer::{Backing, SharedHeap};
    ///
    /// let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?;
    /// let report = heap.report();
    /// let mut page = String::from("<figure>");
    /// report.write_svg(&mut page)?;
    /// assert_eq!(page, format!("<figure>{}", report.to_svg()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `out`, which then has a part of the image.
    pub fn write_svg(&self, out: &mut impl Write) -> fmt::Result {
        Picture::of(self).write(out)
    }
}

struct Picture<'a> {
    report: &'a HeapReport,
    /// In the order of the legend.
    paints: Vec<Paint>,
    /// Behind the last page.
    end: u32,
    pages_per_cell: u32,
    /// How many cells of a row have a tooltip together, at least.
    cells_per_tooltip: u32,
}

impl<'a> Picture<'a> {
    /// The most telling one that is not too long.
    fn of(report: &'a HeapReport) -> Self {
        let mut paints: Vec<_> = report.runs.iter().map(|run| Paint::of(run.usage)).collect();
        paints.sort_unstable();
        paints.dedup();
        let end = report.runs.last().map_or(0, end_of);
        let pages_per_cell = end.div_ceil(HeapReport::MAX_CELLS).next_power_of_two();
        let mut picture = Self { report, paints, end, pages_per_cell, cells_per_tooltip: 1 };
        while picture.cells_per_tooltip < COLUMNS && picture.bytes() > HeapReport::MAX_SVG_BYTES {
            picture.cells_per_tooltip *= 2;
        }
        picture
    }

    fn bytes(&self) -> usize {
        let mut length = Length(0);
        // A length refuses nothing.
        let _ = self.write(&mut length);
        length.0
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let rows = self.end.div_ceil(self.pages_per_cell * COLUMNS);
        let legend_top = rows * STEP + LINE;
        let width = (COLUMNS + 1) * STEP;
        let height = TOP + legend_top + (self.paints.len() as u32).div_ceil(LEGEND_COLUMNS) * LINE;
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" \
             fill=\"currentColor\">\n{STYLE}"
        )?;
        write_text(out, LEFT, LINE, &Heading(self))?;
        // A cell is a line as thick as it is long, which takes half of what a rectangle takes.
        let (thick, middle) = (STEP - 1, f64::from(TOP) + f64::from(STEP - 1) / 2.0);
        writeln!(
            out,
            "<g stroke=\"currentColor\" stroke-width=\"{thick}\" \
             transform=\"translate({LEFT} {middle})\">"
        )?;
        self.write_cells(out)?;
        for (index, paint) in (0..).zip(&self.paints) {
            let (x, y) = legend_place(index);
            let look = paint.look(1.0);
            writeln!(out, "<path{look} d=\"M{x} {}h{thick}\"/>", legend_top + y)?;
        }
        self.write_tooltips(out)?;
        out.write_str("</g>\n")?;
        for (index, paint) in (0..).zip(&self.paints) {
            let (x, y) = legend_place(index);
            write_text(out, LEFT + x + LINE, TOP + legend_top + y + thick, paint)?;
        }
        out.write_str("</svg>\n")
    }

    /// The cells, of so many pages.
    fn cells(&self, pages: u32) -> impl Iterator<Item = Cell> {
        let firsts = (0..self.end).step_by(pages as usize);
        let ends = firsts.map(move |first| first..first.saturating_add(pages).min(self.end));
        ends.filter_map(|pages| Cell::of(&self.report.runs, pages))
    }

    /// Draws those that look the same as one path, wherever they are.
    fn write_cells(&self, out: &mut dyn Write) -> fmt::Result {
        let mut alike = BTreeMap::<Look, Vec<Cell>>::new();
        for cell in self.cells(self.pages_per_cell) {
            alike.entry(cell.look).or_default().push(cell);
        }
        for (look, cells) in alike {
            write!(out, "<path{look} d=\"")?;
            let goes_on =
                |cell: &Cell, next: &Cell| cell.goes_on && next.pages.start == cell.pages.end;
            for run in cells.chunk_by(goes_on) {
                self.write_lines(out, run)?;
            }
            out.write_str("\"/>\n")?;
        }
        Ok(())
    }

    /// Lays tooltips over the cells. Nobody sees them, but a pointer finds them.
    fn write_tooltips(&self, out: &mut dyn Write) -> fmt::Result {
        out.write_str("<g stroke-opacity=\"0\">\n")?;
        let cells: Vec<_> = self.cells(self.pages_per_cell * self.cells_per_tooltip).collect();
        for cells in cells.chunk_by(|cell, next| cell.look == next.look) {
            out.write_str("<path d=\"")?;
            self.write_lines(out, cells)?;
            out.write_str("\"><title>")?;
            let stretch = Stretch::of(&self.report.runs, pages_of(cells));
            write!(Escaped(out), "{stretch}")?;
            out.write_str("</title></path>\n")?;
        }
        out.write_str("</g>\n")
    }

    /// Writes cells in a row as one line, or one for each row of the picture. There is a gap behind the last,
    /// unless it goes on.
    fn write_lines(&self, out: &mut dyn Write, cells: &[Cell]) -> fmt::Result {
        let pages = pages_of(cells);
        let goes_on = cells.last().is_some_and(|cell| cell.goes_on);
        let end = pages.end.div_ceil(self.pages_per_cell);
        let mut start = pages.start / self.pages_per_cell;
        while start < end {
            let (column, row) = (start % COLUMNS, start / COLUMNS);
            let width = (COLUMNS - column).min(end - start);
            let is_joined = goes_on && column + width < COLUMNS;
            let length = width * STEP - u32::from(!is_joined);
            write!(out, "M{} {}h{length}", column * STEP, row * STEP)?;
            start += width;
        }
        Ok(())
    }
}

/// From the first of some cells in a row to the last.
fn pages_of(cells: &[Cell]) -> Range<u32> {
    let start = cells.first().map_or(0, |cell| cell.pages.start);
    start..cells.last().map_or(start, |cell| cell.pages.end)
}

/// Where an entry of the legend is, from its beginning on.
const fn legend_place(index: u32) -> (u32, u32) {
    let (column, row) = (index % LEGEND_COLUMNS, index / LEGEND_COLUMNS);
    (column * (COLUMNS * STEP / LEGEND_COLUMNS), row * LINE)
}

fn write_text(out: &mut dyn Write, x: u32, y: u32, text: &dyn Display) -> fmt::Result {
    write!(out, "<text x=\"{x}\" y=\"{y}\">")?;
    write!(Escaped(out), "{text}")?;
    out.write_str("</text>\n")
}

struct Heading<'a>(&'a Picture<'a>);

impl Display for Heading<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(Picture { report, pages_per_cell, .. }) = self;
        let (pages, free) = (report.stats.pages, report.stats.free_pages);
        write!(f, "{pages} pages, {free} of them free; each cell is ")?;
        match pages_per_cell {
            1 => f.write_str("one")?,
            more => write!(f, "{more}")?,
        }
        report.damage.map_or(Ok(()), |damage| write!(f, "; DAMAGED: {damage}"))
    }
}

/// Takes text, in which then nothing is taken for markup.
struct Escaped<'a>(&'a mut dyn Write);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            _ if character.is_control() => self.0.write_char(char::REPLACEMENT_CHARACTER),
            _ => self.0.write_char(character),
        })
    }
}

/// How many bytes were written.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_taken_for_markup() {
        let mut escaped = String::new();
        Escaped(&mut escaped).write_str("a<b>&\"\u{1b}").unwrap();
        assert_eq!(escaped, "a&lt;b&gt;&amp;&quot;\u{fffd}");
    }
}
