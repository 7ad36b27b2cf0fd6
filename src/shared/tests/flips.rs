//! Each bit of what a heap's own words say: where one is another, a check reports it.
//!
//! What it does not report is named here, field by field: figures that nobody relies on, hints that are looked
//! up before they are believed, and words that count only while another says so.
#![forbid(unsafe_code)]

use core::alloc::Layout;
use core::mem::{offset_of, size_of};
use core::ops::Range;
use core::sync::atomic::Ordering;

use super::whole::{place_of, word};
use crate::geometry::Class;
use crate::shared::access::shared_heap::SharedHeap;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::head::Head;
use crate::shared::heap::roots::bucket_of;
use crate::slab::header::{Header, Runs};
use crate::slab::page::{Cache, NONE, Page, State, Word};
use crate::slab::slab::{Found, Slab};
use crate::sys::mapping::Memory;

const BYTES: usize = 512 << 10;

/// Blocks of several classes, runs with room and full ones, pages handed out whole, free runs between them
/// of which two have one length, two roots, and a block on its way.
fn heap() -> SharedHeap {
    let heap = SharedHeap::build(Memory::memfd(BYTES).unwrap(), 2).unwrap();
    // Who finds somebody dead in another test leaves what is on its way here alone.
    heap.attached.attachment.forget();
    for name in ["one", "two"] {
        heap.root_or_insert_with(name, || 7_u64).unwrap();
    }
    let take = |count: usize, bytes: usize| -> Vec<_> {
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        let take = || heap.attached.hold().unwrap().take(layout).unwrap().handle;
        let taken = (0..count).map(|_| take()).collect();
        heap.attached.slab.done();
        taken
    };
    let give = |handles: &[Handle], bytes: usize| {
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        handles.iter().for_each(|&handle| heap.attached.free(handle, layout));
    };
    [40, 300, 1024, 3000].into_iter().for_each(|bytes| _ = take(5, bytes));
    // A run that is full but for the block given back last, one that is full, an empty one, and two with room.
    give(&take(4, 2048)[1..2], 2048);
    _ = take(4, 4096);
    give(&take(1, 600), 600);
    let room = take(70, 64);
    give(&[room[3], room[5], room[66]], 64);
    let whole = take(5, 33_000);
    give(&[whole[1], whole[3]], 33_000);
    let ours = heap.attached.attachment.entry.owner().unwrap();
    heap.attached.head.flights[1].begin(ours, heap.attached.slab_offset(whole[4]));
    heap.check().unwrap();
    heap
}

/// Has each bit be another, one at a time, and expects a check to say so; but where `means_nothing` of the
/// place of a byte, and what the word that it is in becomes.
fn flip_each(
    heap: &SharedHeap,
    places: Range<usize>,
    means_nothing: impl Fn(usize, u64) -> bool,
) -> usize {
    let mut unseen = vec![];
    let mut flips = 0;
    for place in places.step_by(8) {
        let (word, before) = (word(heap, place), word(heap, place).load(Ordering::Relaxed));
        for bit in 0..64 {
            let after = before ^ 1 << bit;
            if means_nothing(place + bit / 8, after) {
                continue;
            }
            word.store(after, Ordering::Relaxed);
            if heap.check().is_ok() {
                unseen.push(format!("bit {bit} of {before:#x} at {place:#x}"));
            }
            word.store(before, Ordering::Relaxed);
            flips += 1;
        }
    }
    assert!(unseen.is_empty(), "{unseen:#?}");
    heap.check().unwrap();
    flips
}

/// The runs of a slab.
fn runs(slab: Slab<'_>) -> impl Iterator<Item = (u32, State, u32)> {
    let run = move |page| slab.run_at(page).ok().map(|(state, pages)| (page, state, pages));
    std::iter::successors(run(0), move |&(page, _, pages)| run(page + pages))
}

/// What the half of a word is that a byte lies in.
fn half(place: usize, word: u64) -> u32 {
    if place % 8 < 4 { word as u32 } else { (word >> 32) as u32 }
}

#[test]
fn there_is_something_of_each_kind() {
    let heap = heap();
    let slab = heap.attached.slab;
    let longest = |lists: &mut dyn Iterator<Item = &Cache>| {
        lists.map(|first| slab.listed(first).count()).max().unwrap()
    };
    assert!(longest(&mut slab.header.bins.lists()) > 1, "two free runs of a length");
    assert!(longest(&mut slab.header.classes.iter().map(|runs| &runs.room)) > 1, "two with room");
    let has = |is_it: &dyn Fn(Class, u32) -> bool| {
        runs(slab)
            .any(|(page, state, _)| matches!(state, State::Blocks { class } if is_it(class, page)))
    };
    assert!(has(&|_, page| slab.page(page).vacant.get() == 0), "a full run");
    assert!(has(&|class, page| slab.is_empty(page, class)), "an empty run");
    assert!(
        has(&|class, page| class.plan().pages > 1 && !slab.is_empty(page, class)),
        "a long one"
    );
    assert!(slab.header.classes.iter().any(|runs| runs.recent.is_alone()), "one that is alone");
    assert!(runs(slab).any(|(.., state, _)| matches!(state, State::Whole { .. })), "whole pages");
}

#[test]
fn each_bit_of_the_word_of_a_page_counts_but_within_a_run() {
    let heap = heap();
    let slab = heap.attached.slab;
    let is_stale = |word: u64| {
        let state = Word::from_bits(word).state();
        matches!(state, State::Inside | State::AfterBlocks { .. } | State::LastFree { .. })
    };
    let mut flips = 0;
    for (first, state, pages) in runs(slab) {
        let is_full = slab.page(first).vacant.get() == 0;
        for page in first..first + pages {
            let place = place_of(&heap, slab.page(page));
            flips += flip_each(&heap, place..place + 8, |_, after| match state {
                // Nobody knows of which class a full run is but its word.
                State::Blocks { .. } if page == first && is_full => {
                    matches!(Word::from_bits(after).state(), State::Blocks { .. })
                }
                State::Blocks { .. } => false,
                State::Free { .. } if page == first + pages - 1 => false,
                // What is inside counts for nothing, whatever a run that is gone has left.
                _ => page != first && is_stale(after),
            });
        }
    }
    let after_all = place_of(&heap, slab.page(slab.page_count()));
    flips += flip_each(&heap, after_all..after_all + 8, |_, _| false);
    assert!(flips > 5000);
}

#[test]
fn each_bit_of_the_bitmap_of_a_run_of_blocks_counts() {
    let heap = heap();
    let slab = heap.attached.slab;
    for (page, state, _) in runs(slab) {
        let State::Blocks { class } = state else { continue };
        let bitmap = slab.page(page).bitmap_of(class);
        let place = place_of(&heap, &bitmap[0]);
        flip_each(&heap, place..place + bitmap.len() * 8, |_, _| false);
    }
}

#[test]
fn each_bit_of_the_links_and_of_the_counts_of_a_run_counts() {
    let heap = heap();
    let slab = heap.attached.slab;
    for (first, state, _) in runs(slab) {
        let page = slab.page(first);
        let place = place_of(&heap, page);
        let links = place + offset_of!(Page, next)..place + offset_of!(Page, vacant);
        if slab.is_listed(first) {
            flip_each(&heap, links, |_, _| false);
        }
        let State::Blocks { class } = state else { continue };
        let words = page.bitmap_of(class).len() as u32;
        let counts = place + offset_of!(Page, vacant)..place + offset_of!(Page, bitmap);
        // A hint may be wrong, and lead to no block beyond the run.
        let is_hint = |place: usize| place % 8 >= 4;
        flip_each(&heap, counts, |at, after| is_hint(at) && half(at, after) < words);
    }
}

#[test]
fn each_bit_of_the_header_of_the_slab_counts_but_in_figures_and_hints() {
    let heap = heap();
    let slab = heap.attached.slab;
    let start = place_of(&heap, slab.header);
    let field = |field: usize| start + field;
    let journal = field(offset_of!(Header, journal));
    let classes = field(offset_of!(Header, classes));
    let fresh = field(offset_of!(Header, fresh));
    let flips = flip_each(&heap, start..start + size_of::<Header>(), |place, after| match place {
        // The run and the link of the operation before, and where its pages ended; but not whether it is over.
        _ if (journal..fresh).contains(&place) => !(journal + 8..journal + 12).contains(&place),
        // Pages that seem to have been used are written to where they are to be zero.
        _ if (fresh..fresh + 4).contains(&place) => half(place, after) >= slab.header.fresh.get(),
        _ if place >= field(offset_of!(Header, failures)) => true,
        _ if place >= classes => {
            let class = (place - classes) / size_of::<Runs>();
            let class = Class::from_index(class).unwrap();
            is_hint_of(slab, class, (place - classes) % size_of::<Runs>(), after)
        }
        _ => false,
    });
    assert!(flips > 5000);
}

/// Whether nobody relies on a byte of the runs of a class.
fn is_hint_of(slab: Slab<'_>, class: Class, byte: usize, after: u64) -> bool {
    const RECENT: usize = offset_of!(Runs, recent);
    let Runs { spare, recent, .. } = slab.header.runs(class);
    let is_none = recent.run() == NONE;
    match byte {
        // An empty run is looked at before it is believed to be one.
        4..8 => !slab.is_empty(spare.get(), class),
        // Its offset, and which block of the run it is.
        RECENT.. if byte < RECENT + 8 => is_none,
        RECENT.. if (12..14).contains(&(byte - RECENT)) => is_none,
        // How many others are free, but for none.
        RECENT.. if (14..16).contains(&(byte - RECENT)) => (after >> 48 == 0) == recent.is_alone(),
        _ => byte >= offset_of!(Runs, requests),
    }
}

#[test]
fn each_bit_of_the_head_counts_but_in_what_counts_only_beside_another_word() {
    let heap = heap();
    let head = heap.attached.head;
    let field = |field: usize| field..field + 8;
    let tickets = offset_of!(Head, participants) + 4;
    let lock = offset_of!(Head, lock)..offset_of!(Head, intent);
    let intent = offset_of!(Head, intent)..offset_of!(Head, flights);
    let flights = offset_of!(Head, flights)..Head::ROOTS_START;
    let is_taken = |block: usize| match heap.attached.slab.find(block) {
        Ok(Found::Block(block)) => block.is_taken(),
        Ok(Found::Whole { .. }) => true,
        Err(_) => false,
    };
    flip_each(&heap, 0..Head::EMPTY_BUFFER + 16, |place, after| match place {
        _ if field(tickets & !7).contains(&place) => place >= tickets,
        // Whoever has it: see `hostile.rs`.
        _ if lock.contains(&place) => true,
        // The first word says whether there is any.
        _ if intent.contains(&place) => place >= intent.start + 8,
        // Who fills a block; and another block that is taken.
        _ if flights.contains(&place) => {
            let is_owner = (place - flights.start) % 16 < 8;
            is_owner || after.checked_sub(1).is_some_and(|block| is_taken(block as usize))
        }
        _ => false,
    });
    assert!(head.flights[1].block().is_some());
}

#[test]
fn each_bit_of_a_root_counts_but_in_what_its_users_know() {
    let heap = heap();
    for name in ["one", "two"] {
        let list = word(&heap, Head::ROOTS_START + bucket_of(name) * 8).load(Ordering::Relaxed);
        let root = Handle::from_bits(list).unwrap().offset();
        flip_each(&heap, root..root + 48, |place, after| match place - root {
            // The fingerprint of its type.
            8..16 => true,
            // How many bytes of its value there are, down to none.
            16..24 => (64..72).contains(&after),
            // The bytes of the name of its type, and who drops it.
            32..36 => half(place, after) < 6,
            40..44 => true,
            // It is removed, or is not; it is to be dropped, or is not.
            36..40 | 44..48 => half(place, after) <= 1,
            _ => false,
        });
    }
}
