//! What a heap tells of itself, and those who only look at it.

mod palette;
mod picture;
#[expect(clippy::module_inception, reason = "the room of `HeapReport` in the folder of reports")]
pub(crate) mod report;
mod report_text;
pub(crate) mod stats;
mod stretch;
pub(crate) mod view;
pub(crate) mod view_error;
