//! Heaps that get a name and lose it, instruction by instruction: whoever comes finds a whole heap, or none.
#![expect(unsafe_code, reason = "leaves heaps")]

use core::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::shared::access::backing::Backing;
use crate::shared::access::options::HeapOptions;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::heap::attach_error::AttachError;
use crate::shared::report::view::HeapView;
use crate::slab::tests::one_processor::OneProcessor;
use crate::slab::tests::tracer::{Traced, stand_still};
use crate::sys::mapping::Memory;
use crate::sys::tests::child::{Child, Ending};
use crate::sys::tests::folder::Folder;
use crate::sys::tests::left_out::left_out;

/// What is found by the name of a heap.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
enum Found {
    Nothing,
    Whole,
}

/// A place for the file of a heap.
struct Scene {
    folder: Folder,
    backing: Backing,
    /// 1 when the process that works has ended.
    phase: ShmBox<AtomicU32>,
}

impl Scene {
    /// Only a call of the system changes what has a name; so much for what changes in a heap that has one.
    const SAMPLE: u32 = 7;
    const OPTIONS: HeapOptions = HeapOptions::new(40 << 10).participants(4);

    fn new() -> Self {
        let folder = Folder::make();
        let backing = Backing::File(folder.path().join("heap"));
        let heap = SharedHeap::build(Memory::memfd(40 << 10).unwrap(), 4).unwrap();
        heap.attached.attachment.forget();
        let phase = ShmBox::new_in(AtomicU32::new(0), &heap).unwrap();
        Self { folder, backing, phase }
    }

    fn create(&self) -> Result<SharedHeap, AttachError> {
        Self::OPTIONS.create(&self.backing)
    }

    fn open_or_create(&self) -> Result<SharedHeap, AttachError> {
        Self::OPTIONS.open_or_create(&self.backing)
    }

    fn open(&self) -> Result<SharedHeap, AttachError> {
        SharedHeap::open(&self.backing)
    }

    fn unlink(&self) {
        SharedHeap::unlink(&self.backing).unwrap();
    }

    /// What somebody finds who comes now.
    fn look(&self) -> Found {
        let found = match HeapView::open(&self.backing) {
            Ok(view) => view.check().map(|()| Found::Whole).unwrap(),
            Err(AttachError::NotFound) => Found::Nothing,
            Err(error) => panic!("{error}"),
        };
        // One that is hidden is in nobody's way.
        let entries = self.folder.entries();
        let names = entries.iter().filter(|name| !name.to_string_lossy().starts_with('.'));
        assert_eq!(names.count(), usize::from(found == Found::Whole));
        found
    }

    /// Uses what is found, as a participant.
    fn visit(&self) {
        let heap = self.open().unwrap();
        assert_eq!(*heap.root_or_insert_with("visits", || 7_u64).unwrap(), 7);
        heap.remove_root::<u64>("visits").unwrap();
        heap.check().unwrap();
        leave(heap);
    }

    /// Has a process do something, looks after each call of the system and some other instructions, and kills it
    /// before it ends. `before` is told of each call. Returns false where the system lets nobody trace.
    fn walk(&self, act: impl Fn(), mut before: impl FnMut(i64), expected: &[Found]) -> bool {
        let (_near, begun) = (OneProcessor::stay(), Instant::now());
        self.phase.store(0, Ordering::Relaxed);
        let process = Traced::fork(|| {
            stand_still();
            act();
            self.phase.store(1, Ordering::Release);
        });
        let Some(mut process) = process else {
            left_out("the system lets nobody trace: only what is left in the end is looked at");
            assert_eq!(Child::fork(&act).end(), Ending::WELL);
            assert_eq!(Some(&self.look()), expected.last());
            return false;
        };
        assert!(process.run(), "it ends before it begins");
        let (mut boundaries, mut seen) = (0, vec![self.look()]);
        while self.phase.load(Ordering::Acquire) == 0 {
            let call = process.call_number();
            call.into_iter().for_each(&mut before);
            assert!(process.step(), "it ends before it is over");
            boundaries += 1;
            if call.is_none() && boundaries % Self::SAMPLE > 0 {
                continue;
            }
            let found = self.look();
            if seen.last() != Some(&found) {
                seen.push(found);
                if found == Found::Whole {
                    self.visit();
                }
            }
        }
        drop(process);
        println!("{boundaries} boundaries in {:.1?}", begun.elapsed());
        assert_eq!(seen, expected);
        if seen.last() == Some(&Found::Whole) {
            self.visit();
        }
        true
    }
}

fn leave(heap: SharedHeap) {
    // SAFETY: nothing that lies in it is used any more.
    unsafe { heap.detach() };
}

#[test]
fn nobody_finds_half_a_heap_whichever_instruction_of_its_maker_is_the_last() {
    let scene = Scene::new();
    let create = || _ = scene.create().unwrap();
    scene.walk(create, |_| (), &[Found::Nothing, Found::Whole]);
    scene.walk(
        || assert!(matches!(scene.create(), Err(AttachError::Exists))),
        |_| (),
        &[Found::Whole],
    );
    scene.walk(|| _ = scene.open_or_create().unwrap(), |_| (), &[Found::Whole]);
    scene.walk(|| _ = scene.open().unwrap(), |_| (), &[Found::Whole]);
    scene.walk(|| scene.unlink(), |_| (), &[Found::Whole, Found::Nothing]);
    scene.walk(|| assert!(scene.open().is_err()), |_| (), &[Found::Nothing]);
}

#[test]
fn nobody_finds_half_a_heap_whichever_instruction_of_who_opens_or_makes_it_is_the_last() {
    let scene = Scene::new();
    let make = || _ = scene.open_or_create().unwrap();
    scene.walk(make, |_| (), &[Found::Nothing, Found::Whole]);
    scene.unlink();
    let mut is_made = false;
    let be_first = |call| {
        if call == libc::SYS_linkat && !is_made {
            leave(scene.create().unwrap());
            is_made = true;
        }
    };
    let is_looked_at = scene.walk(make, be_first, &[Found::Nothing, Found::Whole]);
    assert!(is_made || !is_looked_at, "somebody was first");
}
