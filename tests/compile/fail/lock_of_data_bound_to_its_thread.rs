//! Taking turns is not enough for what must stay on its thread.

use aquifer::ShmMutex;
use std::rc::Rc;

fn sure<T: Sync>() {}

fn main() {
    sure::<ShmMutex<Rc<u8>>>();
}
