//! Tests that run alone: in a process that shares no memory with those of other tests.

use std::env;
use std::process::Command;

/// Runs all tests of a room that are ignored, which are so many, in a process of their own.
#[track_caller]
pub(crate) fn run_alone(room: &str, count: usize) {
    let output =
        Command::new(env::current_exe().unwrap()).args([room, "--ignored"]).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let have_passed = report.contains(&format!("{count} passed"));
    assert!(output.status.success() && have_passed, "{}: {report}\n{output:?}", output.status);
}
