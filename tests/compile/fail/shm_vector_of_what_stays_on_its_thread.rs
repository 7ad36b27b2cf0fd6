//! A vector is sent no more than its elements: what may not go to a thread is in no heap.

use aquifer::{ShmBox, ShmVec};
use std::rc::Rc;

fn sure<T: Send>() {}

fn main() {
    sure::<ShmVec<Rc<u8>>>();
    sure::<ShmBox<*const u8>>();
}
