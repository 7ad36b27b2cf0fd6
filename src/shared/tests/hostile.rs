//! Whatever somebody has written into a heap, nothing here panics, hangs, or leaves the mapping.
//!
//! The mapping lies between pages that nobody may touch: who leaves it dies of a SIGSEGV. Two things
//! are kept as they should be. The word of the lock: one that names a living participant lets everybody
//! wait, as it must. And a free slot: who finds none waits for a second for those who seem to move in.
#![expect(unsafe_code, reason = "reads a heap, leaves heaps, and writes elements")]

use core::alloc::Layout;
use core::mem::{offset_of, size_of};
use core::ops::Range;
use core::slice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::buffer::Buffer;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::{Facts, Head};
use crate::shared::report::view::HeapView;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::slab::tables::Tables;
use crate::sync::participants::Slot;
use crate::sync::raw::RawLock;
use crate::sys::mapping::{Access, Memory};

const BYTES: usize = 256 << 10;
const SLOTS: u32 = 4;
const SLOTS_END: usize = Facts::SLOTS_START + SLOTS as usize * size_of::<Slot>();
const LOCK: usize = offset_of!(Head, lock);
/// So long a case may take, on a slow machine that does something else, too.
const LONGEST: Duration = Duration::from_secs(20);

/// A value that has to be dropped.
struct Boxed(ShmBox<u64>);

// SAFETY: a handle, and what it leads to is `ShmSafe`.
unsafe impl ShmSafe for Boxed {
    const SCHEMA: Schema = Schema::new::<Self>("Boxed");
}

/// Eight bytes somewhere, and what becomes of them.
#[derive(Clone, Copy, Debug)]
struct Blow {
    area: usize,
    place: usize,
    kind: u8,
    number: u64,
}

fn blow() -> impl Strategy<Value = Blow> {
    (0..AREAS, any::<usize>(), 0_u8..9, any::<u64>()).prop_map(|(area, place, kind, number)| Blow {
        area,
        place,
        kind,
        number,
    })
}

const AREAS: usize = 7;

/// The parts of a heap, so that small ones are hit as often as large ones.
fn areas() -> [Range<usize>; AREAS] {
    let tables = Tables::fit(SLOTS_END, BYTES);
    let pages_start = tables.pages_start();
    let entries = pages_start - tables.count * size_of::<crate::slab::page::Page>();
    [
        0..Facts::SLOTS_START,
        Head::ROOTS_START..Head::EMPTY_BUFFER,
        Facts::SLOTS_START..SLOTS_END,
        SLOTS_END..entries,
        entries..pages_start,
        pages_start..BYTES,
        // Where the first roots and boxes lie.
        pages_start..pages_start + (16 << 10),
    ]
}

impl Blow {
    fn fall(self, bytes: &mut [u8]) {
        let area = areas()[self.area].clone();
        let at = |place: usize| (area.start + place % area.len()) & !7;
        let place = at(self.place);
        let read = |bytes: &[u8], place: usize| {
            u64::from_ne_bytes(bytes[place..place + 8].try_into().unwrap())
        };
        let (word, number) = (read(bytes, place), self.number);
        let heap =
            u32::from_ne_bytes(bytes[offset_of_heap()..offset_of_heap() + 4].try_into().unwrap());
        let word = match self.kind {
            0 => word ^ (1 << (number % 64)),
            1 => number,
            2 => 0,
            3 => u64::MAX,
            4 => number % 64,
            // Two small numbers: pages, counts, lengths.
            5 => (number % 70) | (((number >> 32) % 70) << 32),
            6 => Handle::new(heap, (number as usize % BYTES) & !7).map_or(0, Handle::bits),
            7 => read(bytes, at(number as usize)),
            // What is there is moved: an eighth of a word at a time.
            _ => word.rotate_left(8 * (number % 8) as u32),
        };
        bytes[place..place + 8].copy_from_slice(&word.to_ne_bytes());
    }
}

/// Where a heap tells its number.
fn offset_of_heap() -> usize {
    static PLACE: OnceLock<usize> = OnceLock::new();
    *PLACE.get_or_init(|| {
        let (bytes, heap) = original();
        let number = heap.to_ne_bytes();
        (0..LOCK).step_by(4).find(|&place| bytes[place..place + 4] == number).unwrap()
    })
}

/// The bytes of a heap in which everything is that there can be, and its number.
fn original() -> (&'static [u8], u32) {
    static ORIGINAL: OnceLock<(Vec<u8>, u32)> = OnceLock::new();
    let (bytes, heap) = ORIGINAL.get_or_init(|| {
        let memory = Memory::map_anon(BYTES).unwrap();
        let again = memory.map_elsewhere().unwrap();
        let heap = SharedHeap::build(memory, SLOTS).unwrap();
        furnish(&heap);
        heap.check().unwrap();
        let number = heap.attached.facts.heap;
        // SAFETY: all that uses it has ended.
        unsafe { heap.detach() };
        // SAFETY: nobody has it but this, and it stays mapped until `again` is dropped.
        let bytes = unsafe { slice::from_raw_parts(again.start().as_ptr(), BYTES) };
        (bytes.to_vec(), number)
    });
    (bytes, *heap)
}

fn furnish(heap: &SharedHeap) {
    for number in 0..40_u64 {
        let name = format!("number {number}");
        heap.root_or_insert_with(&name, || number).unwrap();
    }
    heap.root_or_insert_with("boxed", || Boxed(ShmBox::new_in(1_u64, heap).unwrap())).unwrap();
    heap.root_or_insert_with("gone", || Boxed(ShmBox::new_in(2_u64, heap).unwrap())).unwrap();
    heap.remove_root::<Boxed>("gone").unwrap();
    heap.remove_root::<u64>("number 3").unwrap();
    let boxes: Vec<_> = (0..200).map(|_| ShmBox::new_in([7_u64; 8], heap).unwrap()).collect();
    let large = [20_000, 9000].map(|_| ShmBox::new_in([0_u8; 20_000], heap).unwrap());
    boxes.into_iter().step_by(3).for_each(core::mem::forget);
    core::mem::forget(large);
}

/// A copy of the heap in which somebody has written.
fn beaten(blows: &[Blow], died: bool) -> Vec<u8> {
    let (bytes, _) = original();
    let mut bytes = bytes.to_vec();
    let lock = LOCK..LOCK + size_of::<RawLock>();
    let kept = bytes[lock.clone()].to_vec();
    blows.iter().for_each(|blow| blow.fall(&mut bytes));
    bytes[lock].copy_from_slice(&kept);
    if died {
        // Says that its last owner has died: the word behind the lock's own and its semaphore.
        bytes[LOCK + 12..LOCK + 16].copy_from_slice(&2_u32.to_ne_bytes());
    }
    bytes[SLOTS_END - size_of::<Slot>()..SLOTS_END].fill(0);
    bytes
}

/// Does everything that can be done with a heap.
fn use_all_of(heap: &SharedHeap) {
    let _ = heap.check();
    let report = heap.report();
    let _ = (report.to_string(), report.to_svg(), report.fragmentation());
    let _ = heap.stats();
    let _ = heap.roots();
    heap.reap();
    for number in 0..40_u64 {
        let name = format!("number {number}");
        let _ = heap.root::<u64>(&name).map(|root| *root);
        let _ = heap.root::<Boxed>(&name);
    }
    let boxed = heap.root::<Boxed>("boxed");
    // It may panic where it leads out of the heap.
    let _ = catch_unwind(AssertUnwindSafe(|| boxed.map(|boxed| *boxed.0)));
    use_blocks(heap);
    for name in ["new", "another", "number 5"] {
        let _ = heap.root_or_insert_with(name, || 3_u64);
    }
    let _ =
        heap.root_or_insert_with("boxes", || [ShmBox::new_in(1_u64, heap).ok(), None].is_empty());
    for name in ["number 5", "new", "number 7"] {
        let _ = heap.remove_root::<u64>(name);
    }
    let _ = heap.remove_root::<Boxed>("boxed");
    heap.reap();
    let _ = (heap.check(), heap.report(), heap.stats(), heap.roots());
}

fn use_blocks(heap: &SharedHeap) {
    let mut boxes: Vec<_> = (0..100).map(|_| ShmBox::new_in([1_u64; 8], heap)).collect();
    boxes.retain(Result::is_ok);
    let large: Vec<_> = (0..3).map(|_| ShmBox::new_in([1_u8; 10_000], heap).ok()).collect();
    let mut place = None;
    let _ = ShmBox::insert_in(&mut place, 5_u64, heap);
    ShmBox::remove_from(&mut place);
    boxes.truncate(30);
    drop((large, boxes));
    for (bytes, align) in [(1, 1), (64, 64), (5000, 4096), (100_000, 8)] {
        let layout = Layout::from_size_align(bytes, align).unwrap();
        if let Ok(memory) = heap.alloc_layout(layout) {
            // SAFETY: so many bytes were handed out.
            unsafe { memory.write_bytes(1, bytes) };
            // SAFETY: it was handed out just now, and is not used any more.
            unsafe { heap.dealloc(memory, layout) };
        }
    }
    let mut buffer = Buffer::<u32>::new(heap.attached);
    // What is read of a vector may lead out of the heap.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        for number in 0..5000 {
            if buffer.reserve(1).is_err() {
                break;
            }
            let length = buffer.len();
            // SAFETY: there is room for it.
            unsafe { buffer.place(length).write(number) };
            // SAFETY: it was written just now.
            unsafe { buffer.set_len(length + 1) };
        }
        let _ = buffer.resize(0);
    }));
    let _ = catch_unwind(AssertUnwindSafe(move || drop(buffer)));
}

/// All cases have the same heap, which can be attached once.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look_at(bytes: &[u8]) {
    let memory = Memory::between_guards(bytes, Access::ReadOnly).unwrap();
    let Ok(view) = HeapView::new(memory) else { return };
    let report = view.report().unwrap();
    let _ = (report.to_string(), report.to_svg(), view.check());
}

fn endure(bytes: &[u8]) {
    let _turn = turn();
    let begun = Instant::now();
    look_at(bytes);
    let memory = Memory::between_guards(bytes, Access::ReadWrite).unwrap();
    if let Ok(heap) = SharedHeap::find(memory) {
        use_all_of(&heap);
        // SAFETY: nothing is left that uses it.
        unsafe { heap.detach() };
    }
    assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
}

#[test]
fn a_heap_as_it_is_can_be_used() {
    let _turn = turn();
    let bytes = beaten(&[], false);
    look_at(&bytes);
    let heap = SharedHeap::find(Memory::between_guards(&bytes, Access::ReadWrite).unwrap());
    let heap = heap.unwrap();
    heap.check().unwrap();
    assert_eq!(heap.roots().unwrap().len(), 42);
    use_all_of(&heap);
    heap.check().unwrap();
    // SAFETY: nothing is left that uses it.
    unsafe { heap.detach() };
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_heap_that_somebody_has_written_into_does_no_harm(
        blows in prop::collection::vec(blow(), 1..12),
        died in any::<bool>(),
    ) {
        endure(&beaten(&blows, died));
    }

    #[test]
    fn a_heap_of_random_bytes_does_no_harm(
        noise in prop::collection::vec(any::<u64>(), 512),
        area in 1..AREAS,
        died in any::<bool>(),
    ) {
        let mut blows = Vec::new();
        for (place, number) in areas()[area].clone().step_by(8).zip(noise.iter().cycle()) {
            let place = place - areas()[area].start;
            blows.push(Blow { area, place, kind: 1, number: *number });
        }
        endure(&beaten(&blows, died));
    }
}
