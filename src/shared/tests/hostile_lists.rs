//! Vectors and strings in a heap into which somebody writes: all that can be done with them.
#![expect(unsafe_code, reason = "takes what the dead have held")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::try_clone::TryClone;
use crate::shared::containers::vec::ShmVec;
use crate::sync::guard::ShmMutexGuard;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;

type Numbers = ShmMutex<ShmVec<u64>>;
type Text = ShmMutex<ShmString>;
type Names = ShmMutex<ShmVec<ShmString>>;

/// How many roots [`furnish`] makes.
pub(super) const ROOTS: usize = 3;

/// Makes a root of each kind.
pub(super) fn furnish(heap: &SharedHeap) {
    let text = |text: &str| ShmString::from_str_in(text, heap).unwrap();
    let numbers = ShmVec::from_iter_in(0..300, heap).unwrap();
    let names = ["Ada", "Grace", "Hedy"].map(text);
    let names = ShmVec::from_iter_in(names, heap).unwrap();
    heap.root_or_insert_with::<Numbers>("numbers", || ShmMutex::new(numbers)).unwrap();
    heap.root_or_insert_with::<Text>("text", || ShmMutex::new(text("größer"))).unwrap();
    heap.root_or_insert_with::<Names>("names", || ShmMutex::new(names)).unwrap();
}

/// Uses what is left of them. Each may panic where it leads out of the heap.
pub(super) fn use_all(heap: &SharedHeap) {
    if let Ok(numbers) = heap.root::<Numbers>("numbers") {
        use_one(&numbers, use_numbers);
    }
    if let Ok(text) = heap.root::<Text>("text") {
        use_one(&text, use_text);
    }
    if let Ok(names) = heap.root::<Names>("names") {
        use_one(&names, |names| use_names(names, heap));
    }
    let _ = catch_unwind(AssertUnwindSafe(|| heap.remove_root::<Names>("names")));
}

fn use_one<T>(mutex: &ShmMutex<T>, body: impl FnOnce(&mut T)) {
    let _ = catch_unwind(AssertUnwindSafe(|| taken(mutex).map(|mut guard| body(&mut guard))));
}

/// Takes a lock that nobody holds, as it seems; a stray word may name somebody who lives.
fn taken<T>(mutex: &ShmMutex<T>) -> Option<ShmMutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(LockError::Panicked(panicked)) => Some(panicked.into_guard()),
        // SAFETY: whatever the dead have left is no worse than what somebody writes.
        Err(LockError::OwnerDied(dead)) => Some(unsafe { dead.into_guard() }),
        Err(_) => None,
    }
}

fn use_numbers(numbers: &mut ShmVec<u64>) {
    let _ = numbers.push(7);
    let _ = numbers.insert(numbers.len() / 2, 8);
    let copy = numbers.try_clone();
    if !numbers.is_empty() {
        numbers.remove(0);
    }
    numbers.retain(|number| number % 3 > 0);
    numbers.drain(..numbers.len() / 2);
    numbers.shrink_to_fit();
    let _ = copy.map(|mut copy| numbers.append(&mut copy));
    numbers.truncate(300);
}

fn use_text(text: &mut ShmString) {
    let _ = text.push_str(" als");
    let _ = text.insert(0, 'ü');
    let copy = text.try_clone();
    text.remove(0);
    text.retain(|character| character != 'ß');
    let middle = text.char_indices().map(|(index, _)| index).nth(2);
    text.drain(..middle.unwrap_or(0));
    text.shrink_to_fit();
    let _ = copy.map(|copy| text.push_str(&copy));
    text.pop();
}

fn use_names(names: &mut ShmVec<ShmString>, heap: &SharedHeap) {
    let _ = ShmString::from_str_in("Mary", heap).map(|name| names.push(name));
    let _ = ShmString::from_str_in("Emmy", heap).map(|name| names.insert(0, name));
    drop(names.try_clone());
    names.iter_mut().for_each(use_text);
    names.retain(|name| name.len() % 5 > 0);
    drop(names.pop());
    drop(names.drain(..names.len().min(1)));
    names.shrink_to_fit();
}
