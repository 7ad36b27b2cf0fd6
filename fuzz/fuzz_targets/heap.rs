//! A heap into which a fuzzer writes: nothing panics, hangs, or leaves the mapping.
//!
//! RUSTC_BOOTSTRAP=1 cargo fuzz run heap -- -max_total_time=60
//!
//! Input is a list of places and words. The word of the heap's lock stays as it is: one that names a
//! living participant lets everybody wait who changes the heap, as it must, and who looks for a second.
#![no_main]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::LazyLock;

use aquifer::{
    Backing, HeapOptions, HeapView, LockError, SharedHeap, ShmBox, ShmMutex, ShmMutexGuard,
    ShmString, ShmVec, TryClone,
};
use libfuzzer_sys::fuzz_target;

const BYTES: usize = 128 << 10;

type Numbers = ShmMutex<ShmVec<u64>>;
type Text = ShmMutex<ShmString>;

/// A heap, its file, and what was in it when it was whole.
struct Scene {
    heap: SharedHeap,
    file: File,
    bytes: Vec<u8>,
}

static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let heap = HeapOptions::new(BYTES).participants(4).create(&Backing::Memfd).unwrap();
    for number in 0..10_u64 {
        heap.root_or_insert_with(&format!("number {number}"), || number).unwrap();
    }
    heap.remove_root::<u64>("number 3").unwrap();
    let numbers = ShmVec::from_iter_in(0..300, &heap).unwrap();
    let text = ShmString::from_str_in("größer", &heap).unwrap();
    heap.root_or_insert_with::<Numbers>("numbers", || ShmMutex::new(numbers)).unwrap();
    heap.root_or_insert_with::<Text>("text", || ShmMutex::new(text)).unwrap();
    let boxes: Vec<_> = (0..100).map(|_| ShmBox::new_in([7_u64; 8], &heap).unwrap()).collect();
    boxes.into_iter().step_by(3).for_each(std::mem::forget);
    std::mem::forget(ShmBox::new_in([0_u8; 20_000], &heap));
    // SAFETY: whatever is written by it, this process uses the numbers and bytes alone that it finds.
    let file = File::from(unsafe { heap.as_fd() }.unwrap().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; BYTES];
    file.read_exact_at(&mut bytes, 0).unwrap();
    Scene { heap, file, bytes }
});

fuzz_target!(|input: &[u8]| {
    let Scene { heap, file, bytes } = &*SCENE;
    file.write_all_at(bytes, 0).unwrap();
    let lock = SharedHeap::LOCK_BYTES;
    for blow in input.chunks_exact(11) {
        let place = usize::from(blow[0]) | usize::from(blow[1]) << 8 | usize::from(blow[2]) << 16;
        let place = place % BYTES & !7;
        if !(lock.start..lock.end).contains(&place) {
            file.write_all_at(&blow[3..], place as u64).unwrap();
        }
    }
    let descriptor = file.try_clone().unwrap().into();
    if let Ok(view) = HeapView::from_fd(descriptor) {
        let report = view.report().unwrap();
        let _ = (report.to_string(), report.to_svg(), view.check());
    }
    use_all_of(heap);
});

fn use_all_of(heap: &SharedHeap) {
    let _ = (heap.check(), heap.stats(), heap.roots());
    let report = heap.report();
    let _ = (report.to_string(), report.to_svg());
    for number in 0..10_u64 {
        let _ = heap.root::<u64>(&format!("number {number}")).map(|root| *root);
    }
    let mut boxes: Vec<_> = (0..70).filter_map(|_| ShmBox::new_in([1_u64; 8], heap).ok()).collect();
    let large: Vec<_> = (0..3).map(|_| ShmBox::new_in([1_u8; 10_000], heap)).collect();
    // It may panic where it leads out of the heap.
    let _ =
        panic::catch_unwind(AssertUnwindSafe(|| boxes.iter().map(|boxed| boxed[0]).sum::<u64>()));
    boxes.truncate(30);
    drop((large, boxes));
    endure(|| use_numbers(heap));
    endure(|| use_text(heap));
    let _ = heap.root_or_insert_with("new", || 3_u64);
    for name in ["new", "number 5", "number 7"] {
        let _ = heap.remove_root::<u64>(name);
    }
    heap.reap();
    let _ = (heap.check(), heap.report());
}

/// Runs what may panic where it leads out of the heap: the hook of the fuzzer would end the process.
fn endure(body: impl FnOnce()) {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let _ = panic::catch_unwind(AssertUnwindSafe(body));
    panic::set_hook(hook);
}

/// Takes a lock that nobody holds, as it seems; a stray word may name somebody who lives.
fn taken<T>(mutex: &ShmMutex<T>) -> Option<ShmMutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(LockError::Panicked(panicked)) => Some(panicked.into_guard()),
        // SAFETY: whatever the dead have left is no worse than what the fuzzer writes.
        Err(LockError::OwnerDied(dead)) => Some(unsafe { dead.into_guard() }),
        Err(_) => None,
    }
}

fn use_numbers(heap: &SharedHeap) {
    let Ok(root) = heap.root::<Numbers>("numbers") else { return };
    let Some(mut numbers) = taken(&root) else { return };
    let _ = numbers.push(7);
    let middle = numbers.len() / 2;
    let _ = numbers.insert(middle, 8);
    let copy = numbers.try_clone();
    numbers.remove(0);
    numbers.retain(|number| number % 3 > 0);
    numbers.drain(..middle / 2);
    numbers.shrink_to_fit();
    let _ = copy.map(|mut copy| numbers.append(&mut copy));
}

fn use_text(heap: &SharedHeap) {
    let Ok(root) = heap.root::<Text>("text") else { return };
    let Some(mut text) = taken(&root) else { return };
    let _ = (text.push_str(" als"), text.insert(0, 'ü'));
    let copy = text.try_clone();
    text.remove(0);
    text.retain(|character| character != 'ß');
    let end = text.char_indices().map(|(index, _)| index).nth(2);
    text.drain(..end.unwrap_or(0));
    text.shrink_to_fit();
    let _ = copy.map(|copy| text.push_str(&copy));
}
