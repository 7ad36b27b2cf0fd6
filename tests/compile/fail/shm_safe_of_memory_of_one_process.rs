//! What `Box`, `String`, `Vec`, `Rc` and `Arc` own is memory of the process that made them.

use std::rc::Rc;
use std::sync::Arc;

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Boxed {
    value: Box<u64>,
}

#[derive(aquifer::ShmSafe)]
#[repr(C)]
struct Named {
    name: String,
}

#[derive(aquifer::ShmSafe)]
#[repr(transparent)]
struct Journal(Vec<u64>);

#[derive(aquifer::ShmSafe)]
#[repr(C, u8)]
enum Shared {
    ByProcesses(u64),
    ByThreads(Arc<u64>),
    ByOneThread { value: Rc<u64> },
}

fn main() {}
