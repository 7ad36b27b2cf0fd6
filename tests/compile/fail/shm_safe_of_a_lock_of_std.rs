//! A lock of std keeps its waiters within the process, and hears nothing of the death of others.

use std::sync::{Mutex, RwLock};

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Account {
    cents: Mutex<i64>,
}

fn sure<T: aquifer::ShmSafe>() {}

fn main() {
    sure::<RwLock<i64>>();
}
