//! Strings, instruction by instruction: after each the process could die.
#![expect(unsafe_code, reason = "changes what is another process's")]

use core::mem::ManuallyDrop;
use core::sync::atomic::Ordering;

use super::stage::{Stage, copy_of};
use super::tour::Tour;
use crate::shared::containers::boxed::ShmBox;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::try_clone::TryClone;
use crate::shared::heap::handle::Handle;

const BYTES: usize = 40 << 10;

const TEXT: &str = "aä→b🦀→x";

/// Its name, what the text is afterwards, and how many blocks nobody has at worst.
type Deed = (&'static str, &'static str, usize, fn(&mut ShmString));

const DEEDS: &[Deed] = &[
    ("insert_str", "aä→→→b🦀→x", 0, |text| text.insert_str(3, "→→").unwrap()),
    ("insert", "aä🦀→b🦀→x", 0, |text| text.insert(3, '🦀').unwrap()),
    ("remove", "a→b🦀→x", 0, |text| _ = text.remove(1)),
    ("replace_range", "aüb🦀→x", 0, |text| text.replace_range(1..6, "ü").unwrap()),
    ("retain", "aäb🦀x", 0, |text| text.retain(|character| character != '→')),
    ("push", "aä→b🦀→x→", 0, |text| text.push('→').unwrap()),
    ("push_str", "aä→b🦀→x and so on → and on", 0, |text| {
        text.push_str(" and so on → and on").unwrap();
    }),
    ("pop", "aä→b🦀→", 0, |text| _ = text.pop()),
    ("truncate", "aä→b", 0, |text| text.truncate(7)),
    ("clear", "", 0, |text| text.clear()),
    ("clear and shrink", "", 0, |text| {
        text.clear();
        text.shrink_to_fit();
    }),
    ("drain", "a→b🦀→x", 0, |text| drop(text.drain(1..3))),
    ("drain that is looked at", "aä→x", 0, |text| {
        assert_eq!(text.drain(3..11).map(char::len_utf8).sum::<usize>(), 8);
    }),
    ("split_off", "aä→", 1, |text| drop(text.split_off(6).unwrap())),
    ("split_off of all", "", 1, |text| drop(text.split_off(0).unwrap())),
    ("try_clone", TEXT, 1, |text| drop(text.try_clone().unwrap())),
    ("reserve", TEXT, 0, |text| text.reserve(100).unwrap()),
    ("reserve and shrink_to_fit", TEXT, 0, |text| {
        text.reserve_exact(1000).unwrap();
        text.shrink_to_fit();
    }),
    ("try_extend", "aä→b🦀→x and so on → and on", 0, |text| {
        text.try_extend([" and so on →", "", " and on"]).unwrap();
    }),
    ("try_extend by characters", "aä→b🦀→x🦀ü", 0, |text| {
        text.try_extend("🦀ü".chars()).unwrap();
    }),
];

/// A string in a heap.
struct Shelf {
    stage: Stage,
    text: ShmBox<ShmString>,
}

/// What a death leaves of it.
#[derive(PartialEq, Debug)]
struct Left {
    text: String,
    /// How many blocks nobody has.
    lost: usize,
}

impl Shelf {
    fn new() -> Self {
        let stage = Stage::new(BYTES);
        let text = ShmString::from_str_in(TEXT, &stage.heap).unwrap();
        let text = ShmBox::new_in(text, &stage.heap).unwrap();
        Self { stage, text }
    }

    /// Looks at it once it is in order, in the heap itself.
    fn look(&self, name: &str) -> Left {
        let attached = self.stage.heap.attached;
        let live = self.stage.look().unwrap_or_else(|damage| panic!("{name}: {damage}")).live;
        let word = attached.word_at(self.text.handle.offset()).unwrap().load(Ordering::Relaxed);
        let buffer = attached.slab_offset(Handle::from_bits(word).unwrap());
        let has_buffer = self.text.capacity() > 0;
        let is_live = live.iter().any(|&(offset, _)| offset == buffer);
        assert!(is_live || !has_buffer, "{name}: its block is free");
        let text = std::str::from_utf8(self.text.as_bytes());
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}")).to_owned();
        Left { text, lost: live.len() - 1 - usize::from(has_buffer) }
    }

    fn walk(&self, &(name, after, most, act): &Deed) {
        let look = || Ok(self.stage.without_worker(|| self.look(name)));
        // SAFETY: it lies in the heap, which is read again afterwards, and is not dropped.
        let act = || act(&mut ManuallyDrop::new(unsafe { copy_of(&self.text) }));
        let Some(seen) = Tour::of(&self.stage).see(name, look, act) else { return };
        let is_part = |left: &Left| TEXT.starts_with(&left.text) || after.starts_with(&left.text);
        assert!(seen.iter().all(is_part), "{name}: {seen:?}");
        let lost = seen.iter().map(|left| left.lost);
        assert_eq!(lost.max(), Some(most), "{name}: {seen:?}");
        let [first, .., last] = &seen[..] else {
            return assert_eq!((after, &*seen[0].text), (TEXT, TEXT), "{name}");
        };
        assert_eq!((first.lost, &*first.text), (0, TEXT), "{name}");
        assert_eq!((last.lost, &*last.text), (0, after), "{name}");
    }
}

#[test]
fn a_string_is_text_whichever_instruction_is_the_last() {
    DEEDS.iter().for_each(|deed| Shelf::new().walk(deed));
}

#[test]
fn a_string_is_made_or_lost_whichever_instruction_is_the_last() {
    let stage = Stage::new(BYTES);
    let heap = &stage.heap;
    let mut tour = Tour::of(&stage);
    let mut walk = |name, make: &dyn Fn() -> ShmString| {
        let seen = tour.see(name, || Ok(stage.recover()?.live.len()), || drop(make()));
        assert!(seen.as_deref().is_none_or(|seen| seen == [0, 1, 0]), "{name}: {seen:?}");
    };
    walk("from_str_in", &|| ShmString::from_str_in(TEXT, heap).unwrap());
    walk("with_capacity_in", &|| ShmString::with_capacity_in(100, heap).unwrap());
    walk("from_iter_in", &|| ShmString::from_iter_in(["aä", "→b"], heap).unwrap());
}
