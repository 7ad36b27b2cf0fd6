//! What a `SlabPool` does about memory that is not its own, and about writes into its tables.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "misuses memory, to see the process end")]

mod bounded;

use std::alloc::{GlobalAlloc, Layout};
use std::env;
use std::iter;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::ptr::{self, NonNull};

use aquifer::SlabPool;

const MIB: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;
const SMALL: Layout = layout(64);
/// So large that it has pages of its own.
const PAGES: Layout = layout(25 * PAGE_BYTES);

const FREED: &str = "it was given back before";
const NO_BLOCK: &str = "no block of this pool begins there";
const FOREIGN: &str = "it is not of this pool";

/// Its name, the deed, the reason that is told.
type Misuse = (&'static str, fn(&SlabPool), &'static str);

/// What a child does that must end it.
const MISUSES: [Misuse; 15] = [
    ("a small block twice", a_small_block_twice, FREED),
    ("pages twice", pages_twice, FREED),
    ("inside a small block", inside_a_small_block, NO_BLOCK),
    ("inside pages", inside_pages, NO_BLOCK),
    ("a later page of pages", a_later_page_of_pages, NO_BLOCK),
    ("a later page of a run of blocks", a_later_page_of_a_run_of_blocks, NO_BLOCK),
    ("one past the end", one_past_the_end, FOREIGN),
    ("before the first page", before_the_first_page, FOREIGN),
    ("a variable", a_variable, FOREIGN),
    ("twice as a global allocator", twice_as_a_global_allocator, FREED),
    ("twice by a guard", twice_by_a_guard, FREED),
    ("growing what was given back", growing_what_was_given_back, FREED),
    ("growing a small block that was given back", growing_a_small_block_that_was_given_back, FREED),
    ("growing it by a guard", growing_it_by_a_guard, FREED),
    ("growing it as a global allocator", growing_it_as_a_global_allocator, FREED),
];

/// A pool that a handler of signals finds.
static POOL: SlabPool = SlabPool::const_new(MIB);
/// What the handler says when it has used the pool.
const USED: &str = "the pool has been used";

const CHOICE: &str = "AQUIFER_MISUSE";

const fn layout(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, 8) {
        Ok(layout) => layout,
        Err(_) => panic!("too large"),
    }
}

#[test]
fn misuse_ends_the_process_with_the_address_and_the_reason() {
    for (name, _, reason) in MISUSES {
        let output = run_child(name);
        let report = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{name}:\n{report}");
        let lines: Vec<_> = report.lines().collect();
        let [address, last_words, USED] = lines[..] else { panic!("{name}:\n{report}") };
        let is_told = last_words.contains(&format!("bytes at {address} "));
        assert!(is_told && last_words.ends_with(reason), "{name}:\n{report}");
        assert!(last_words.starts_with("aquifer: "), "{name}:\n{report}");
    }
}

#[test]
fn proper_use_ends_no_process() {
    let output = run_child("proper use");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

fn run_child(name: &str) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(CHOICE, name)
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap()
}

#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let name = env::var(CHOICE).unwrap();
    end_soon_and_quietly();
    call_at_an_abort(use_the_pool);
    match MISUSES.iter().find(|(misuse, ..)| *misuse == name) {
        Some((_, misuse, _)) => misuse(&POOL),
        None => proper_use(&POOL),
    }
}

/// Lets this process end without a core dump, and by a signal if it hangs.
fn end_soon_and_quietly() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is borrowed for as long as the call lasts.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) }, 0);
    // SAFETY: the call takes a number.
    unsafe { libc::alarm(20) };
}

/// Lets `handler` run when this process aborts, before it ends.
fn call_at_an_abort(handler: extern "C" fn(libc::c_int)) {
    // SAFETY: the handler takes the number of the signal, and stays for good.
    let before = unsafe { libc::signal(libc::SIGABRT, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
}

extern "C" fn use_the_pool(_: libc::c_int) {
    for layout in [SMALL, PAGES] {
        free(&POOL, take(&POOL, layout), layout);
        POOL.lock().unwrap().alloc_layout(layout).unwrap();
    }
    POOL.check().unwrap();
    eprintln!("{USED}");
}

fn take(pool: &SlabPool, layout: Layout) -> NonNull<u8> {
    pool.alloc_layout(layout).unwrap()
}

fn free(pool: &SlabPool, memory: NonNull<u8>, layout: Layout) {
    // SAFETY: `proper_use` has it from this pool; else there is none, and the process ends.
    unsafe { pool.dealloc(memory, layout) };
}

/// Tells the address first, for the parent to compare.
fn misuse(pool: &SlabPool, memory: NonNull<u8>, layout: Layout) {
    eprintln!("{memory:p}");
    free(pool, memory, layout);
}

fn after(memory: NonNull<u8>, bytes: usize) -> NonNull<u8> {
    NonNull::new(memory.as_ptr().wrapping_add(bytes)).unwrap()
}

fn a_small_block_twice(pool: &SlabPool) {
    let memory = take(pool, SMALL);
    free(pool, memory, SMALL);
    misuse(pool, memory, SMALL);
}

fn pages_twice(pool: &SlabPool) {
    let memory = take(pool, PAGES);
    assert_eq!(pool.stats().page_requests, 1, "they are of no class");
    free(pool, memory, PAGES);
    misuse(pool, memory, PAGES);
}

fn inside_a_small_block(pool: &SlabPool) {
    misuse(pool, after(take(pool, SMALL), 8), SMALL);
}

fn inside_pages(pool: &SlabPool) {
    misuse(pool, after(take(pool, PAGES), 64), SMALL);
}

fn a_later_page_of_pages(pool: &SlabPool) {
    misuse(pool, after(take(pool, PAGES), PAGE_BYTES), SMALL);
}

fn a_later_page_of_a_run_of_blocks(pool: &SlabPool) {
    let layout = layout(5 * 1024);
    let first = take(pool, layout);
    let second = take(pool, layout);
    assert_eq!(second, after(first, layout.size()), "they share pages");
    misuse(pool, after(first, PAGE_BYTES), layout);
}

fn one_past_the_end(pool: &SlabPool) {
    let all = layout(pool.stats().pages * PAGE_BYTES);
    misuse(pool, after(take(pool, all), all.size()), PAGES);
}

fn before_the_first_page(pool: &SlabPool) {
    let all = layout(pool.stats().pages * PAGE_BYTES);
    misuse(pool, after(take(pool, all), PAGE_BYTES.wrapping_neg()), PAGES);
}

fn a_variable(pool: &SlabPool) {
    let mut variable = [0_u8; 64];
    misuse(pool, NonNull::from(&mut variable).cast(), SMALL);
}

fn twice_as_a_global_allocator(pool: &SlabPool) {
    // SAFETY: the layout has bytes.
    let memory = unsafe { GlobalAlloc::alloc(pool, SMALL) };
    // SAFETY: handed out above for this layout.
    unsafe { GlobalAlloc::dealloc(pool, memory, SMALL) };
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    unsafe { GlobalAlloc::dealloc(pool, memory, SMALL) };
}

fn twice_by_a_guard(pool: &SlabPool) {
    let mut guard = pool.lock().unwrap();
    let memory = guard.alloc_layout(SMALL).unwrap();
    // SAFETY: handed out above for this layout.
    unsafe { guard.dealloc(memory, SMALL) };
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    unsafe { guard.dealloc(memory, SMALL) };
}

fn growing_a_small_block_that_was_given_back(pool: &SlabPool) {
    let memory = take(pool, SMALL);
    free(pool, memory, SMALL);
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    let _ = unsafe { pool.resize(memory, SMALL, PAGES) };
}

fn growing_it_by_a_guard(pool: &SlabPool) {
    let memory = take(pool, SMALL);
    let mut guard = pool.lock().unwrap();
    // SAFETY: handed out above for this layout.
    unsafe { guard.dealloc(memory, SMALL) };
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    let _ = unsafe { guard.resize_in_place(memory, SMALL, SMALL) };
}

fn growing_it_as_a_global_allocator(pool: &SlabPool) {
    let memory = take(pool, SMALL);
    free(pool, memory, SMALL);
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    unsafe { GlobalAlloc::realloc(pool, memory.as_ptr(), SMALL, PAGES.size()) };
}

fn growing_what_was_given_back(pool: &SlabPool) {
    let memory = take(pool, PAGES);
    free(pool, memory, PAGES);
    eprintln!("{memory:p}");
    // SAFETY: none. That is what ends the process.
    let _ = unsafe { pool.resize(memory, PAGES, layout(MIB / 2)) };
}

fn proper_use(pool: &SlabPool) {
    for layout in [SMALL, PAGES, layout(5 * 1024)] {
        let both = [take(pool, layout), take(pool, layout)];
        both.into_iter().for_each(|memory| free(pool, memory, layout));
    }
    pool.check().unwrap();
}

#[test]
fn a_null_pointer_is_ignored_by_a_global_allocator() {
    let pool = SlabPool::new(MIB).unwrap();
    let _ = take(&pool, SMALL);
    // SAFETY: the pool says that it ignores this.
    unsafe { GlobalAlloc::dealloc(&pool, ptr::null_mut(), SMALL) };
    assert_eq!(pool.stats().classes.iter().map(|class| class.used).sum::<usize>(), 1);
    pool.check().unwrap();
}

#[test]
fn a_write_into_memory_that_was_given_back_harms_no_table() {
    let pool = SlabPool::new(MIB).unwrap();
    for layout in [SMALL, PAGES] {
        let memory = take(&pool, layout);
        free(&pool, memory, layout);
        // SAFETY: the pool is mapped, and nobody else has memory of it.
        unsafe { memory.write_bytes(0xA5, layout.size()) };
        pool.check().unwrap();
        assert_eq!(take(&pool, layout), memory);
    }
}

/// The tables end where the first page begins: with 64 bytes of bitmap for each page, and before
/// them 24 bytes for each. After them there is less than a page of nothing.
/// An abort in a handler of aborts would call the handler again.
extern "C" fn be_refused(_: libc::c_int) {
    let refused = POOL.alloc_layout(SMALL).is_err() && POOL.lock().is_err();
    // SAFETY: the call takes a number.
    unsafe { libc::_exit(if refused && POOL.check().is_err() { 7 } else { 8 }) };
}

#[test]
fn a_child_with_tables_to_put_in_order_that_are_overwritten_ends_and_gets_nothing_more() {
    bounded::in_time(|| {
        let first = take(&POOL, SMALL);
        // Runs begin on many pages.
        let last = iter::from_fn(|| POOL.alloc_layout(PAGES).ok()).last().unwrap();
        free(&POOL, last, PAGES);
        // The child looks at the run that was touched last: one of the last pages.
        take(&POOL, layout(1024));
        let pages = POOL.stats().pages;
        let guard = POOL.lock().unwrap();
        let tables = after(first, (pages * 64).wrapping_neg());
        // SAFETY: that much of the tables lies in front of the first page; nobody else has the pool.
        unsafe { tables.write_bytes(0xA5, pages * 64) };
        let children = [false, true].map(|with_handler| {
            bounded::Child::start(|| {
                end_soon_and_quietly();
                if with_handler {
                    call_at_an_abort(be_refused);
                }
                let _ = POOL.alloc_layout(SMALL);
            })
        });
        let [plain, handled] = children.map(bounded::Child::end);
        drop(guard);
        assert!(libc::WIFSIGNALED(plain) && libc::WTERMSIG(plain) == libc::SIGABRT, "{plain}");
        assert!(libc::WIFEXITED(handled) && libc::WEXITSTATUS(handled) == 7, "{handled}");
    });
}

#[test]
fn a_stray_write_into_the_tables_is_found_by_check() {
    for value in [0x00, 0xA5, 0xFF] {
        for bytes_of_each_page in [64, 64 + 20] {
            let pool = SlabPool::new(4 * MIB).unwrap();
            let first = take(&pool, SMALL);
            pool.check().unwrap();
            let bytes = pool.stats().pages * bytes_of_each_page + PAGE_BYTES - 1;
            let tables = after(first, bytes.wrapping_neg());
            // SAFETY: that much lies in front of the first page, and nobody else has the pool.
            unsafe { tables.write_bytes(value, bytes) };
            let damage = pool.check().unwrap_err();
            assert!(damage.to_string().starts_with("somebody has written"), "{damage}");
        }
    }
}
