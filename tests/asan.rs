//! Misuse of a pool's memory is reported by AddressSanitizer. CONTRIBUTING.md has the command; in
//! other builds there is nothing here.
#![cfg(asan)]
#![expect(unsafe_code, reason = "misuses memory, to see it reported")]

use std::alloc::Layout;
use std::env;
use std::hint::black_box;
use std::process::Command;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use aquifer::{Pool, PoolCache};

/// What the child does that must be reported.
const MISUSES: [(&str, fn()); 6] = [
    ("use after reset", use_after_reset),
    ("use after a scope", use_after_a_scope),
    ("use after a request", use_after_a_request),
    ("use after dealloc", use_after_dealloc),
    ("overflow", overflow),
    ("use of what shrink gave back", use_after_shrink),
];

const CHOICE: &str = "AQUIFER_MISUSE";

#[test]
fn misuse_is_reported() {
    for (name, _) in MISUSES {
        let report = run_child(name);
        assert!(report.contains("use-after-poison"), "{name}:\n{report}");
    }
}

#[test]
fn proper_use_is_not_reported() {
    assert!(!run_child("proper use").contains("AddressSanitizer"));
}

fn run_child(name: &str) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .env(CHOICE, name)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "the child of the other tests"]
fn child() {
    let name = env::var(CHOICE).unwrap();
    match MISUSES.iter().find(|(misuse, _)| *misuse == name) {
        Some((_, misuse)) => misuse(),
        None => proper_use(),
    }
}

fn read(values: NonNull<u8>) {
    // SAFETY: none. That is what is reported.
    black_box(unsafe { values.read_volatile() });
}

fn write_some(pool: &Pool) -> NonNull<u8> {
    let bytes = pool.alloc_slice_fill_with(100, |n| n as u8).unwrap();
    NonNull::from(bytes).cast()
}

fn use_after_reset() {
    let mut pool = Pool::new();
    let values = write_some(&pool);
    pool.reset();
    read(values);
}

fn use_after_a_scope() {
    let pool = Pool::new();
    let address = pool.scope(|scope| write_some(scope).addr());
    let values = std::ptr::with_exposed_provenance_mut(address.get());
    read(NonNull::new(values).unwrap());
}

fn use_after_a_request() {
    let cache = PoolCache::default();
    let pool = cache.get();
    let values = write_some(&pool);
    drop(pool);
    read(values);
}

fn use_after_dealloc() {
    let pool = Pool::new();
    let layout = Layout::new::<[u64; 10]>();
    let values = (&pool).allocate(layout).unwrap().cast();
    pool.alloc(1_u8).unwrap();
    // SAFETY: handed out above for this layout.
    unsafe { (&pool).deallocate(values, layout) };
    read(values);
}

fn overflow() {
    let pool = Pool::new();
    let values = write_some(&pool);
    // SAFETY: none: one past the value.
    read(unsafe { values.add(100) });
}

fn use_after_shrink() {
    let pool = Pool::new();
    let (old, new) = (Layout::new::<[u64; 10]>(), Layout::new::<u64>());
    let values = (&pool).allocate(old).unwrap().cast();
    // SAFETY: handed out above for this layout.
    unsafe { (&pool).shrink(values, old, new) }.unwrap();
    // SAFETY: none: one past what is left.
    read(unsafe { values.add(8) });
}

fn proper_use() {
    let mut pool = Pool::new();
    for _ in 0..3 {
        read(write_some(&pool));
        pool.scope(|scope| read(write_some(scope)));
        let mut words = allocator_api2::vec::Vec::new_in(&pool);
        words.extend(0..10_000);
        assert_eq!(words.iter().sum::<u32>(), 49_995_000);
        drop(words);
        read(write_some(&pool));
        pool.reset();
    }
}
