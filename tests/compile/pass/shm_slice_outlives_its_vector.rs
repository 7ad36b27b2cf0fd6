//! What is borrowed lends for as long.

use aquifer::{ShmString, ShmVec};

fn slice(vec: &ShmVec<u8>) -> &[u8] {
    vec.as_slice()
}

fn text(string: &ShmString) -> &str {
    string.as_str()
}

fn main() {
    let _ = (slice, text);
}
