//! What a client asks for, drawn before the clock runs.

use std::alloc::Layout;
use std::ops::Range;

use super::cases::Case;
use super::random::Random;

/// The same for all contenders of a case.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// The blocks that are there from the start on: at least one, which keeps its page.
    pub(crate) live: Vec<Layout>,
    /// The block of each operation.
    pub(crate) layouts: Vec<Layout>,
    /// Which of the live ones it is to replace; none if it is given back at once.
    pub(crate) places: Option<Vec<usize>>,
}

impl Demand {
    pub(crate) fn draw(case: Case, operations: usize, random: &mut Random) -> Self {
        let live = (0..case.live.max(1)).map(|_| layout(case, random)).collect();
        let layouts = (0..operations).map(|_| layout(case, random)).collect();
        let replaces = case.live > 0;
        let places = replaces.then(|| (0..operations).map(|_| random.below(case.live)).collect());
        Self { live, layouts, places }
    }

    /// All operations.
    pub(crate) fn all(&self) -> Range<usize> {
        0..self.layouts.len()
    }

    /// So many operations at a time, again and again.
    pub(crate) fn parts(&self, operations: usize) -> impl Iterator<Item = Range<usize>> {
        let end = self.all().end;
        self.all().step_by(operations).map(move |from| from..end.min(from + operations)).cycle()
    }
}

fn layout(case: Case, random: &mut Random) -> Layout {
    Layout::from_size_align(case.sizes.draw(random), 8).expect("small")
}
