//! Vectors and strings of processes that are killed in the middle of using them, and that lose nothing.
//!
//! Where elements own something a careful user keeps to this: a block finds its owner, and loses it, where
//! the owner lies. An element that goes to another place meanwhile has none; of two that own the same block
//! after a death, one is made to own none.
#![expect(unsafe_code, reason = "reads the word of a string, and vouches for a layout")]

use std::collections::BTreeSet;
use std::{array, mem, ptr};

use super::kills::{Random, lock};
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::containers::string::ShmString;
use crate::shared::containers::vec::ShmVec;
use crate::shared::heap::handle::Handle;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::mutex::ShmMutex;

/// What workers share that are killed.
#[repr(C)]
pub(super) struct Lists {
    numbers: [ShmMutex<ShmVec<u64>>; 16],
    texts: [ShmMutex<ShmString>; 8],
    names: [ShmMutex<ShmVec<ShmString>>; 8],
}

// SAFETY: all of its parts are, and it has a fixed layout.
unsafe impl ShmSafe for Lists {
    const SCHEMA: Schema = Schema::new::<Self>("Lists");
}

impl Lists {
    pub(super) fn new(heap: &SharedHeap) -> Self {
        Self {
            numbers: array::from_fn(|_| ShmMutex::new(ShmVec::new_in(heap))),
            texts: array::from_fn(|_| ShmMutex::new(ShmString::new_in(heap))),
            names: array::from_fn(|_| ShmMutex::new(ShmVec::new_in(heap))),
        }
    }

    pub(super) fn use_one(&self, heap: &SharedHeap, random: &mut Random) {
        let index = random.below(8) as usize;
        match random.below(4) {
            0 | 1 => {
                let index = index * 2 + random.below(2) as usize;
                use_numbers(&mut lock(&self.numbers[index], |_| ()), index as u64 + 1, random);
            }
            2 => use_text(&mut lock(&self.texts[index], |_| ()), random),
            _ => {
                let mut names = lock(&self.names[index], |names| part(names, heap));
                use_names(&mut names, character(index), heap, random);
            }
        }
    }

    /// How many blocks they own; each has one owner.
    pub(super) fn blocks(&self, heap: &SharedHeap) -> usize {
        let mut owned = Owned::default();
        self.numbers.iter().for_each(|numbers| owned.add_vec(&lock(numbers, |_| ())));
        self.texts.iter().for_each(|text| owned.add_text(&lock(text, |_| ())));
        self.names
            .iter()
            .for_each(|names| owned.add_names(&lock(names, |names| part(names, heap))));
        owned.0.len()
    }
}

/// The blocks that were found so far: the words that lead to them.
#[derive(Default)]
pub(super) struct Owned(pub(super) BTreeSet<u64>);

impl Owned {
    pub(super) fn add(&mut self, word: u64) {
        assert!(self.0.insert(word), "a block has two owners");
    }

    fn add_vec<T: ShmSafe>(&mut self, vec: &ShmVec<T>) {
        if vec.capacity() > 0 {
            self.add(vec.buffer.handle().bits());
        }
    }

    fn add_text(&mut self, text: &ShmString) {
        if text.capacity() > 0 {
            self.add(word(text));
        }
    }

    /// None of them is free.
    fn assert_live(&self, heap: &SharedHeap) {
        let (attached, mut live) = (heap.attached, BTreeSet::new());
        let _held = attached.hold().unwrap();
        attached.slab.check(|offset, _| _ = live.insert(offset)).unwrap();
        let is_live = |&word: &u64| {
            live.contains(&attached.slab_offset(Handle::from_bits(word).expect("a handle")))
        };
        assert!(self.0.iter().all(is_live), "a block is owned that is free");
    }

    pub(super) fn add_names(&mut self, names: &ShmVec<ShmString>) {
        self.add_vec(names);
        names.iter().for_each(|name| self.add_text(name));
    }
}

/// The word that leads to the block of a string.
fn word(text: &ShmString) -> u64 {
    const { assert!(size_of::<ShmString>() == size_of::<u64>()) };
    // SAFETY: a string is one word.
    unsafe { ptr::from_ref(text).cast::<u64>().read() }
}

/// Of elements that own the same block since a death, one keeps it. All that they own is there.
pub(super) fn part(names: &mut ShmVec<ShmString>, heap: &SharedHeap) {
    let mut seen = BTreeSet::new();
    for name in names.iter_mut() {
        if name.capacity() > 0 && !seen.insert(word(name)) {
            mem::forget(mem::replace(name, ShmString::new_in(heap)));
        }
    }
    let mut owned = Owned::default();
    owned.add_names(names);
    owned.assert_live(heap);
}

/// All of the names in a place are made of one character.
pub(super) fn character(index: usize) -> char {
    ['a', 'ü', '→', '🦀'][index % 4]
}

pub(super) fn assert_made_of(character: char, names: &[ShmString]) {
    for (index, name) in names.iter().enumerate() {
        let is_it = |other: &ShmString| word(other) == word(name);
        assert!(name.capacity() == 0 || !names[..index].iter().any(is_it), "it is there twice");
        let text = std::str::from_utf8(name.as_bytes()).expect("text");
        assert!(text.chars().all(|one| one == character), "{text:?} is not all {character:?}");
    }
}

/// A place below the end; 0 if there is none.
pub(super) fn below_end<T>(elements: &[T], random: &mut Random) -> usize {
    random.below(elements.len().max(1) as u64) as usize
}

/// Uses a vector whose bytes are all the same, but for the first bit: a death may leave numbers that are
/// mixed of others byte by byte. If there is no room, there is none.
fn use_numbers(numbers: &mut ShmVec<u64>, tag: u64, random: &mut Random) {
    const BYTES: u64 = u64::MAX / 0xFF;
    assert!(numbers.len() <= numbers.capacity());
    let is_ours = |number: &u64| number & (BYTES * 0x7F) == BYTES * tag;
    assert!(numbers.iter().all(is_ours), "{numbers:x?} of {tag:x}");
    let count = random.below(40) as usize;
    let one = (BYTES * tag) | ((BYTES * 0x80) & random.below(u64::MAX));
    let at = below_end(numbers, random);
    match random.below(14) {
        0 | 1 => (0..count).for_each(|_| _ = numbers.push(one)),
        2 => _ = numbers.extend_from_slice(&[one; 400][..10 * count]),
        3 | 4 => _ = numbers.insert(at, one),
        5 if !numbers.is_empty() => _ = numbers.remove(at),
        6 if !numbers.is_empty() => _ = numbers.swap_remove(at),
        7 => _ = numbers.pop(),
        8 => drop(numbers.drain(at..(at + count).min(numbers.len()))),
        9 => numbers.retain(|number| number.count_ones() % 5 != 0),
        10 => numbers.shrink_to_fit(),
        11 => _ = numbers.reserve_exact(count),
        12 => {
            numbers.clear();
            numbers.shrink_to_fit();
        }
        13 => numbers.reverse(),
        _ => numbers.truncate(at),
    }
}

fn use_text(text: &mut ShmString, random: &mut Random) {
    const WORDS: [&str; 4] = ["a", "aü→🦀", "→→", "and so on, and on, and on"];
    let whole = std::str::from_utf8(text.as_bytes()).expect("text");
    assert!(whole.chars().all(|one| WORDS.iter().any(|word| word.contains(one))), "{whole:?}");
    let boundary = |text: &str, random: &mut Random| {
        let at = random.below(text.len() as u64 + 1) as usize;
        (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
    };
    let some = WORDS[random.below(4) as usize];
    let [one, other] = [(); 2].map(|()| boundary(text, random));
    match random.below(9) {
        0 | 1 => _ = text.push_str(some),
        2 | 3 => _ = text.insert_str(one, some),
        4 => _ = text.replace_range(one.min(other)..one.max(other), some),
        5 if one < text.len() => _ = text.remove(one),
        6 => text.retain(|one| !some.contains(one)),
        7 => text.shrink_to_fit(),
        _ => text.truncate(400.min(one)),
    }
}

/// Uses a vector of strings so that each of their blocks is some string's at any time.
fn use_names(
    names: &mut ShmVec<ShmString>,
    character: char,
    heap: &SharedHeap,
    random: &mut Random,
) {
    const MOST: usize = 50;
    assert_made_of(character, names);
    let at = below_end(names, random);
    let mut buffer = [0; 4];
    let text = character.encode_utf8(&mut buffer);
    match random.below(8) {
        // To insert it before others would move the last one behind the end for a while.
        0 | 1 if names.len() < MOST => {
            for length in 1..10 {
                if names.push(ShmString::new_in(heap)).is_ok() {
                    _ = names.last_mut().map(|name| name.push_str(&text.repeat(length)));
                }
            }
        }
        2 if !names.is_empty() => _ = names[at].push_str(text),
        5 | 6 => {
            // While all move up, one of them is there twice.
            let half = names.len() / 2;
            names[..half].iter_mut().for_each(take_block);
            for _ in 0..half {
                let none = names.remove(0);
                _ = names.push(none);
            }
        }
        3 if !names.is_empty() => {
            take_block(&mut names[at]);
            drop(names.remove(at));
        }
        4 if !names.is_empty() => {
            take_block(&mut names[at]);
            drop(names.swap_remove(at));
        }
        _ => {
            names[at..].iter_mut().for_each(take_block);
            names.truncate(at);
            names.shrink_to_fit();
        }
    }
}

/// Has a string give its block back, where it is.
fn take_block(name: &mut ShmString) {
    name.clear();
    name.shrink_to_fit();
    assert_eq!(name.capacity(), 0);
}
