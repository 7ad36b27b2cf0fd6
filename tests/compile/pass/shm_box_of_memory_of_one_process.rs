//! What owns memory of a heap does.

use aquifer::{SharedHeap, ShmBox, ShmMutex, ShmString, ShmVec};

fn fill(heap: &SharedHeap) {
    let _ = ShmString::from_str_in("its text is in the heap", heap)
        .map(|text| ShmBox::new_in(text, heap));
    let _ = ShmVec::<ShmString>::new_in(heap);
    let _ = ShmMutex::new_in(ShmVec::<u8>::new_in(heap), heap);
    let _ = heap.root_or_insert_with("root", || ShmBox::new_in(1_u8, heap).unwrap());
}

fn main() {
    let _ = fill;
}
