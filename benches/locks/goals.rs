//! `Goals`: what the project wants of its figures, beside what it has got.

use std::process::ExitCode;

/// A table of goals. Whoever misses one fails.
#[derive(Debug)]
pub(crate) struct Goals {
    missed: usize,
}

impl Goals {
    /// Prints the head of the table.
    pub(crate) fn new() -> Self {
        println!("\n| goal | bound | measured | |\n|---|---|---|---|");
        Self { missed: 0 }
    }

    pub(crate) fn at_most(&mut self, name: &str, measured: f64, bound: f64) {
        self.row(name, &format!("at most {bound}"), measured, measured <= bound);
    }

    pub(crate) fn at_least(&mut self, name: &str, measured: f64, bound: f64) {
        self.row(name, &format!("at least {bound}"), measured, measured >= bound);
    }

    fn row(&mut self, name: &str, bound: &str, measured: f64, holds: bool) {
        let verdict = if holds { "holds" } else { "missed" };
        println!("| {name} | {bound} | {measured:.3} | {verdict} |");
        self.missed += usize::from(!holds);
    }

    /// How the program ends. What was done once, for a moment, says nothing of goals.
    pub(crate) fn end(self, is_smoke: bool) -> ExitCode {
        if self.missed == 0 || is_smoke {
            return ExitCode::SUCCESS;
        }
        eprintln!("goals missed: {}", self.missed);
        ExitCode::FAILURE
    }
}
