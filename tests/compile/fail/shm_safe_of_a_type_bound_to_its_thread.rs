//! A thread of another process is another thread: what may not go to one is not for sharing.

use aquifer::{Schema, ShmSafe};
use std::sync::MutexGuard;

struct Held(MutexGuard<'static, u8>);

unsafe impl ShmSafe for Held {
    const SCHEMA: Schema = Schema::new::<Self>("Held");
}

fn main() {}
