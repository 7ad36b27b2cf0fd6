//! What goes into a heap must mean the same to all who share it.

use aquifer::{SharedHeap, ShmBox, ShmMutex, ShmVec};

fn fill(heap: &SharedHeap) {
    let _ = ShmBox::new_in(String::from("its text is in private memory"), heap);
    let _ = ShmVec::<&'static str>::new_in(heap);
    let _ = ShmMutex::new_in(vec![1_u8], heap);
    let _ = heap.root_or_insert_with("root", || Box::new(1_u8));
}

fn main() {}
