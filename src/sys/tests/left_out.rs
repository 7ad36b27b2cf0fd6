//! What tests leave out, as the system does not let them do it.

use std::io::{self, Write};

/// Says so to those, too, who do not see what tests print that pass.
pub(crate) fn left_out(why: &str) {
    // As it is, tests go on without it.
    let _ = writeln!(io::stderr(), "left out: {why}");
}
