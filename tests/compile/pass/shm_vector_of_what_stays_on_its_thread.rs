//! Of what may be sent it may be sent.

use aquifer::{ShmBox, ShmString, ShmVec};

fn sure<T: Send + Sync>() {}

fn main() {
    sure::<ShmVec<ShmString>>();
    sure::<ShmBox<ShmVec<u8>>>();
}
