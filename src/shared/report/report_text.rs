//! What a report says to people.
#![forbid(unsafe_code)]

use core::fmt::{self, Display, Formatter};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::report::{HeapReport, PageUsage, ParticipantInfo};
use crate::shared::access::root::RootInfo;
use crate::slab::stats::SlabStats;
use crate::sync::lock_owner::LockOwner;

impl Display for HeapReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write_summary(f)?;
        self.write_lock(f)?;
        self.write_classes(f)?;
        self.write_runs(f)?;
        writeln!(f, "\nroots")?;
        self.roots.iter().try_for_each(|root| write_root(f, root))?;
        let (alive, most) = (self.stats.participants, self.stats.max_participants);
        writeln!(f, "\nparticipants: {alive} alive of at most {most}")?;
        self.participants.iter().try_for_each(|participant| write_participant(f, participant))
    }
}

impl HeapReport {
    fn write_summary(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stats = &self.stats;
        writeln!(
            f,
            "a heap of {}: {} pages of {}, {} of them free ({})",
            Bytes(stats.bytes),
            stats.pages,
            Bytes(SlabStats::PAGE_BYTES),
            stats.free_pages,
            Part(stats.free_pages, stats.pages)
        )?;
        let (blocks, bytes) = (stats.used_blocks, stats.used_bytes);
        writeln!(f, "handed out: {} in {blocks} blocks", Bytes(bytes))?;
        if let Some(damage) = self.damage {
            writeln!(f, "DAMAGED: {damage}")?;
        }
        if !self.is_exact {
            writeln!(f, "others changed the heap meanwhile: the figures are of several moments")?;
        }
        Ok(())
    }

    fn write_lock(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.lock_owner {
            Some(owner) if owner.is_alive => writeln!(f, "lock: held by {}", Process(owner)),
            Some(owner) => writeln!(f, "lock: its owner, {}, has died", Process(owner)),
            None if self.is_interrupted => writeln!(f, "lock: its last owner has died"),
            None => writeln!(f, "lock: free"),
        }
    }

    fn write_classes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nblocks by class")?;
        writeln!(f, "    bytes    pages         used        total   fill    requests  failures")?;
        let mut pages = BTreeMap::<u32, u64>::new();
        for run in &self.runs {
            if let PageUsage::Blocks { block_bytes, .. } = run.usage {
                *pages.entry(block_bytes).or_default() += u64::from(run.pages);
            }
        }
        for class in &self.stats.classes {
            let pages = pages.get(&(class.block_bytes as u32)).copied().unwrap_or(0);
            if pages == 0 && class.requests == 0 {
                continue;
            }
            writeln!(
                f,
                "{:>9} {:>8} {:>12} {:>12} {:>6} {:>11} {:>9}",
                class.block_bytes,
                pages,
                class.used,
                class.total,
                Part(class.used, class.total).to_string(),
                class.requests,
                class.failures
            )?;
        }
        Ok(())
    }

    fn write_runs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lengths = |usage: PageUsage| {
            let runs = self.runs.iter().filter(move |run| run.usage == usage);
            runs.map(|run| run.pages as usize)
        };
        let (whole, free) = (|| lengths(PageUsage::Whole), || lengths(PageUsage::Free));
        writeln!(
            f,
            "\nwhole pages: {} in {} allocations, the largest of {}; {} requests, {} failures",
            whole().sum::<usize>(),
            whole().count(),
            whole().max().unwrap_or(0),
            self.stats.page_requests,
            self.stats.page_failures
        )?;
        writeln!(
            f,
            "free pages: {} in {} runs, the largest of {}; fragmentation {:.0} %",
            free().sum::<usize>(),
            free().count(),
            self.stats.largest_free_run,
            self.fragmentation() * 100.0
        )
    }
}

fn write_root(f: &mut Formatter<'_>, root: &RootInfo) -> fmt::Result {
    let RootInfo { name, type_name, bytes, block_bytes, participants, is_removed } = root;
    // A name may have line breaks, or what a terminal takes for a command.
    let (name, type_name) = (name.escape_debug(), type_name.escape_debug());
    write!(f, "    {name}: {type_name}, {bytes} bytes in a block of {block_bytes}, ")?;
    write!(f, "found by {participants}")?;
    writeln!(f, "{}", if *is_removed { ", removed" } else { "" })
}

fn write_participant(f: &mut Formatter<'_>, participant: &ParticipantInfo) -> fmt::Result {
    let ParticipantInfo { slot, process, is_joining } = participant;
    if *is_joining {
        return writeln!(f, "    slot {slot}: somebody is moving in");
    }
    let life = if process.is_alive { "alive" } else { "dead" };
    writeln!(f, "    slot {slot}: {}, {life}", Process(process))
}

/// A number of bytes, in the largest unit of which it is a multiple.
struct Bytes(usize);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        match units.iter().find(|(bits, _)| self.0 > 0 && self.0.trailing_zeros() >= *bits) {
            Some((bits, unit)) => write!(f, "{} {unit}", self.0 >> bits),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// So much of a whole.
struct Part(usize, usize);

impl Display for Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let percent = (self.0 as u128 * 100).checked_div(self.1 as u128);
        write!(f, "{} %", percent.unwrap_or(0))
    }
}

struct Process<'a>(&'a LockOwner);

impl Display for Process<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.0.pid)?;
        self.0.started.map_or(Ok(()), |started| write!(f, ", started {}", Utc(started)))
    }
}

/// A time as people write it.
struct Utc(SystemTime);

impl Display for Utc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// The date so many days after 1 January 1970: `civil_from_days` of Howard Hinnant's "chrono-Compatible
/// Low-Level Date Algorithms". Its years begin in March, so that a leap day comes last.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let days = days + 719_468;
    let day_of_era = days % DAYS_OF_400_YEARS;
    // Of these, all years have 365.
    let days_of_years = day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096;
    let year_of_era = days_of_years / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = days / DAYS_OF_400_YEARS * 400 + year_of_era;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_the_dates_of_the_calendar() {
        assert_eq!([date(0), date(58), date(59)], [(1970, 1, 1), (1970, 2, 28), (1970, 3, 1)]);
        assert_eq!([date(11_016), date(11_017)], [(2000, 2, 29), (2000, 3, 1)]);
        // The last day that a slot can tell.
        assert_eq!(date(u64::from(u32::MAX) / 86_400), (2106, 2, 7));
    }

    #[test]
    fn bytes_are_told_in_the_unit_that_divides_them() {
        let text = |bytes: usize| Bytes(bytes).to_string();
        assert_eq!([text(1 << 30), text(3 << 20), text(4096)], ["1 GiB", "3 MiB", "4 KiB"]);
        assert_eq!([text(4097), text(0)], ["4097 bytes", "0 bytes"]);
    }
}
