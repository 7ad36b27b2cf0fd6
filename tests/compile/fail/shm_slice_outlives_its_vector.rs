//! What a vector or a string lends is gone with it.

use aquifer::{ShmString, ShmVec};

fn slice<'a>(vec: ShmVec<u8>) -> &'a [u8] {
    vec.as_slice()
}

fn text<'a>(string: ShmString) -> &'a str {
    string.as_str()
}

fn main() {}
