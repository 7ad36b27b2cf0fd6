//! What a `SlabPool` promises as the memory of a whole program: this one.
#![cfg(all(target_os = "linux", not(aquifer_in_slab)))]
#![expect(unsafe_code, reason = "allocates by layout, runs before `main`, and forks processes")]

mod bounded;

use std::alloc::{self, Layout};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::env;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::thread;

use aquifer::SlabPool;
use bounded::{Child, in_time};

const MIB: usize = 1 << 20;

#[global_allocator]
static MEMORY: SlabPool = SlabPool::const_new(64 * MIB);

/// Made before `main`.
static EARLY: AtomicPtr<String> = AtomicPtr::new(ptr::null_mut());

#[used]
// SAFETY: the functions of this section take no arguments that matter and are called once each.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let words = ["made", "before", "main"].map(String::from);
    EARLY.store(Box::into_raw(Box::new(words.join(" "))), Ordering::Release);
    if env::var_os(CHOICE).is_some() {
        LAST_WORDS.with_borrow_mut(|last| last.lines.push("of the main thread".into()));
    }
}

/// Says with the last of a thread what was said to it; allocates and frees as it does so.
struct LastWords {
    lines: Vec<String>,
}

thread_local! {
    static LAST_WORDS: RefCell<LastWords> = const { RefCell::new(LastWords { lines: Vec::new() }) };
}

/// How many bytes of last words were said.
static SAID: AtomicUsize = AtomicUsize::new(0);

impl Drop for LastWords {
    fn drop(&mut self) {
        self.lines.push("are said".into());
        let words = format!("the last words {}\n", self.lines.join(" "));
        SAID.fetch_add(words.len(), Ordering::Relaxed);
        if env::var_os(CHOICE).is_some() {
            // SAFETY: the words are borrowed for as long as the call lasts.
            unsafe { libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len()) };
        }
    }
}

const CHOICE: &str = "AQUIFER_LAST_WORDS";

#[test]
#[ignore = "the child of another test"]
fn child() {
    assert!(env::var_os(CHOICE).is_some());
}

#[test]
fn what_was_allocated_before_main_is_there() {
    let early = EARLY.swap(ptr::null_mut(), Ordering::Acquire);
    assert!(!early.is_null());
    // SAFETY: `before_main` has made it of a box, and nobody else has taken it.
    let mut early = unsafe { Box::from_raw(early) };
    early.push_str(&" and longer since".repeat(100));
    assert!(early.starts_with("made before main and longer") && early.len() == 16 + 1700);
}

#[test]
fn the_main_thread_allocates_at_its_end() {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .env(CHOICE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(words, "the last words of the main thread are said\n");
}

#[test]
fn threads_allocate_at_their_end() {
    let before = SAID.load(Ordering::Relaxed);
    for name in 0..100 {
        let say = move || LAST_WORDS.with_borrow_mut(|last| last.lines.push(format!("of {name}")));
        thread::spawn(say).join().unwrap();
    }
    let bytes: usize =
        (0..100).map(|name| format!("the last words of {name} are said\n").len()).sum();
    assert_eq!(SAID.load(Ordering::Relaxed) - before, bytes);
    MEMORY.check().unwrap();
}

/// Builds collections, takes half of what is in them out again, and sums up what is left.
fn collect(seed: u32) -> u32 {
    let mut tree = BTreeMap::from_iter((0..500).map(|n| (n, format!("{seed}-{n}"))));
    let mut map =
        HashMap::<String, u32>::from_iter(tree.iter().map(|(&n, text)| (text.clone(), n)));
    let mut queue = VecDeque::from_iter(tree.values().cloned().map(Box::new));
    tree.retain(|n, _| n % 2 == 0);
    map.retain(|_, n| *n % 2 == 0);
    queue.retain(|text| map.contains_key(&***text));
    assert!(tree.values().zip(&queue).all(|(left, right)| *left == **right));
    tree.keys().sum::<u32>() + map.values().sum::<u32>() + queue.len() as u32
}

const COLLECTED: u32 = 2 * (248 * 250 + 250) + 250;

#[test]
fn collections_of_many_threads_are_in_the_pool() {
    let threads = Vec::from_iter((0..8).map(|seed| thread::spawn(move || collect(seed))));
    for thread in threads {
        assert_eq!(thread.join().unwrap(), COLLECTED);
    }
    assert!(MEMORY.stats().classes.iter().map(|class| class.requests).sum::<u64>() > 8 * 1500);
    MEMORY.check().unwrap();
}

#[test]
fn a_child_that_is_forked_while_threads_work_can_allocate() {
    in_time(|| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for seed in 0..2 {
                let stop = &stop;
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(collect(seed), COLLECTED);
                    }
                });
            }
            let children = (0..100).map(|seed| {
                let child = Child::start(|| {
                    // SAFETY: the call takes a number.
                    unsafe { libc::alarm(120) };
                    MEMORY.check().unwrap();
                    assert_eq!(thread::spawn(move || collect(seed)).join().unwrap(), COLLECTED);
                    MEMORY.check().unwrap();
                });
                child.end()
            });
            let failed = children.filter(|&status| status != 0).count();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(failed, 0);
        });
        MEMORY.check().unwrap();
    });
}

#[test]
fn what_finds_no_room_is_an_error_and_no_end() {
    assert!(Vec::<u8>::new().try_reserve(65 * MIB).is_err());
    assert!(String::new().try_reserve_exact(isize::MAX as usize).is_err());
    let layout = Layout::from_size_align(65 * MIB, 1).unwrap();
    // SAFETY: the layout has bytes.
    assert!(unsafe { alloc::alloc(layout) }.is_null());
    let mut kept = Vec::from([1_u8; 1000]);
    assert!(kept.try_reserve(64 * MIB).is_err());
    assert_eq!(kept, [1; 1000]);
}

/// Takes blocks until there is no room, each of which holds the address of the one before.
fn take_all(layout: Layout) -> (*mut u8, usize) {
    let (mut last, mut count) = (ptr::null_mut::<u8>(), 0);
    loop {
        // SAFETY: the layout has bytes.
        let memory = unsafe { alloc::alloc(layout) };
        if memory.is_null() {
            return (last, count);
        }
        // SAFETY: the block holds an address, and is aligned for it.
        unsafe { memory.cast::<*mut u8>().write(last) };
        (last, count) = (memory, count + 1);
    }
}

fn give_all_back((mut last, _): (*mut u8, usize), layout: Layout) {
    while !last.is_null() {
        // SAFETY: `take_all` has written it.
        let before = unsafe { last.cast::<*mut u8>().read() };
        // SAFETY: `take_all` has it with this layout, and it is not used again.
        unsafe { alloc::dealloc(last, layout) };
        last = before;
    }
}

#[test]
fn a_full_pool_refuses_and_goes_on_when_something_is_given_back() {
    let (pages, words) = (Layout::new::<[u64; 8192]>(), Layout::new::<u64>());
    // In a child: the other tests need memory, too.
    let child = Child::start(|| {
        let large = take_all(pages);
        let small = take_all(words);
        let free_pages = MEMORY.stats().free_pages;
        let is_checked = MEMORY.check().is_ok();
        let is_refused = Vec::<u64>::new().try_reserve(1).is_err();
        give_all_back(small, words);
        give_all_back(large, pages);
        assert!(large.1 > 900 && small.1 > 512 && free_pages == 0 && is_checked && is_refused);
        MEMORY.check().unwrap();
        assert_eq!(collect(1), COLLECTED);
    });
    assert_eq!(child.end(), 0);
}

#[test]
fn texts_grow_and_shrink_with_what_is_in_them() {
    let mut texts = [const { String::new() }; 3];
    for letter in (b'a'..=b'z').cycle().take(20_000) {
        texts.iter_mut().for_each(|text| text.push(char::from(letter)));
    }
    let alphabet = "abcdefghijklmnopqrstuvwxyz";
    for length in [20_000, 9000, 4096, 4095, 600, 17, 1] {
        for text in &mut texts {
            text.truncate(length);
            text.shrink_to_fit();
            assert!(text.len() == length && text.capacity() == length);
            let pieces = text.as_bytes().chunks(26);
            assert!(pieces.into_iter().all(|piece| alphabet.as_bytes().starts_with(piece)));
        }
    }
    MEMORY.check().unwrap();
}

#[test]
fn every_alignment_is_kept() {
    for align in (0..=16).map(|bits| 1 << bits) {
        for bytes in [1, 8, 24, 100, 3000, 5000, 70_000] {
            let layout = Layout::from_size_align(bytes, align).unwrap();
            // SAFETY: the layout has bytes.
            let memory = unsafe { alloc::alloc_zeroed(layout) };
            assert!(!memory.is_null() && memory.addr() % align == 0, "{layout:?}");
            // SAFETY: so many bytes were handed out, all zero.
            let zeros = unsafe { std::slice::from_raw_parts(memory, bytes) };
            assert!(zeros.iter().all(|&byte| byte == 0), "{layout:?}");
            // SAFETY: handed out for this layout, and the new size is not 0.
            let memory = unsafe { alloc::realloc(memory, layout, bytes * 2) };
            assert!(!memory.is_null() && memory.addr() % align == 0, "{layout:?}");
            let layout = Layout::from_size_align(bytes * 2, align).unwrap();
            // SAFETY: so many bytes were handed out.
            unsafe { memory.write_bytes(0xFF, layout.size()) };
            // SAFETY: handed out for this layout, and not used again.
            unsafe { alloc::dealloc(memory, layout) };
        }
    }
    MEMORY.check().unwrap();
}
