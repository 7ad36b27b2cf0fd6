//! Instructions of the hot paths, counted by callgrind, beside those of the other regions. It fails
//! where a hot path of ours needs more than it may.
//!
//! `cargo bench --bench instructions`, with valgrind installed
//!
//! Each figure is the difference between a run of many rounds and one of few, so that what happens
//! once is not in it.

#![expect(unsafe_code, clippy::undocumented_unsafe_blocks, reason = "a function that does nothing")]

mod locks;
mod regions;

use std::alloc::{Layout, System};
use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::ptr::NonNull;

use aquifer::Pool;
use bumpalo::Bump;
use locks::peers::Peers;
use locks::uncontended;
use mimalloc::MiMalloc;
use regions::peers::{Heap, Region};
use regions::workloads::{self, VALUES, mixed_layouts, request_layouts, serve};

const KIB: usize = 1024;
const FEW: u64 = 20;
const MANY: u64 = 120;

/// A piece of work, done so many times.
struct Case {
    name: &'static str,
    /// Operations in one round.
    operations: u64,
    run: fn(rounds: u64),
}

const fn case(name: &'static str, operations: u64, run: fn(u64)) -> Case {
    Case { name, operations, run }
}

/// A hot path by itself, from its first instruction to its `ret`, and the most it may need. `call`
/// calls it, and `nothing` calls an empty function in its place.
struct HotPath {
    most: u64,
    call: Case,
    nothing: Case,
}

const HOT_PATHS: [HotPath; 2] = [
    HotPath {
        most: 9,
        call: case("alloc(u64)", VALUES, |rounds| call_values(rounds, alloc_u64)),
        nothing: case("nothing(u64)", VALUES, |rounds| call_values(rounds, nothing_u64)),
    },
    HotPath {
        most: 15,
        call: case("alloc_layout", VALUES, |rounds| call_layouts(rounds, alloc_layout)),
        nothing: case("nothing(layout)", VALUES, |rounds| call_layouts(rounds, nothing_layout)),
    },
];

const REGIONS: [(&str, [Case; 6]); 6] = [
    ("aquifer", cases::<Pool>()),
    ("bumpalo", cases::<Bump>()),
    ("bumpalo<8>", cases::<Bump<8>>()),
    ("bump-scope", cases::<bump_scope::Bump>()),
    ("std", cases::<Heap<System>>()),
    ("mimalloc", cases::<Heap<MiMalloc>>()),
];

const LOCKS: [Case; 5] = [
    case("aquifer", VALUES, |rounds| uncontended::pairs(Peers::new().aquifer, rounds * VALUES)),
    case("std", VALUES, |rounds| uncontended::pairs(&*Peers::new().std, rounds * VALUES)),
    case("parking_lot", VALUES, |rounds| {
        uncontended::pairs(&*Peers::new().parking_lot, rounds * VALUES);
    }),
    case("pthread", VALUES, |rounds| uncontended::pairs(&*Peers::new().pthread, rounds * VALUES)),
    case("pthread robust", VALUES, |rounds| {
        uncontended::pairs(&*Peers::new().robust, rounds * VALUES);
    }),
];

const fn cases<R: Region>() -> [Case; 6] {
    [
        case("16 B", VALUES, |rounds| reuse(rounds, 64 * KIB, workloads::values::<R>)),
        case("8..512 B", VALUES, |rounds| reuse_for::<R>(rounds, 64 * KIB, &mixed_layouts())),
        case("create, 4 KiB", 1, |rounds| create::<R>(rounds, 4 * KIB)),
        case("create, 32 KiB", 1, |rounds| create::<R>(rounds, 32 * KIB)),
        case("reuse, 4 KiB", 1, |rounds| reuse_for::<R>(rounds, 4 * KIB, &request_layouts())),
        case("reuse, 32 KiB", 1, |rounds| reuse_for::<R>(rounds, 32 * KIB, &request_layouts())),
    ]
}

fn reuse<R: Region>(rounds: u64, first_block: usize, work: impl Fn(&mut R)) {
    let mut region = R::new(first_block);
    (0..rounds).for_each(|_| work(&mut region));
}

fn reuse_for<R: Region>(rounds: u64, first_block: usize, layouts: &[Layout]) {
    reuse::<R>(rounds, first_block, |region| {
        serve(region, layouts);
        region.reset();
    });
}

fn create<R: Region>(rounds: u64, first_block: usize) {
    let layouts = request_layouts();
    (0..rounds).for_each(|_| serve(&mut R::new(first_block), &layouts));
}

/// Calls a function for value after value, all of which fit one block.
fn call_values(rounds: u64, function: fn(&Pool, u64) -> Option<&u64>) {
    let (pool, function) = (one_block(), black_box(function));
    (0..rounds * VALUES).for_each(|value| assert!(function(&pool, value).is_some()));
}

fn call_layouts(rounds: u64, function: fn(&Pool, Layout) -> Option<NonNull<u8>>) {
    let (pool, function) = (one_block(), black_box(function));
    let layout = black_box(Layout::from_size_align(24, 4).unwrap());
    (0..rounds * VALUES).for_each(|_| assert!(function(&pool, layout).is_some()));
}

fn one_block() -> Pool {
    Pool::builder().first_block_size(4096 * KIB).largest_block_size(4096 * KIB).build()
}

#[inline(never)]
fn alloc_u64(pool: &Pool, value: u64) -> Option<&u64> {
    pool.alloc(value).ok().map(|value| &*value)
}

/// Two instructions: it returns what it was given.
#[inline(never)]
fn nothing_u64(pool: &Pool, _: u64) -> Option<&u64> {
    // Never looked at, and a pool is larger than a word.
    Some(unsafe { NonNull::from(pool).cast().as_ref() })
}

#[inline(never)]
fn alloc_layout(pool: &Pool, layout: Layout) -> Option<NonNull<u8>> {
    pool.alloc_layout(layout).ok()
}

/// Two instructions: it returns what it was given.
#[inline(never)]
fn nothing_layout(pool: &Pool, _: Layout) -> Option<NonNull<u8>> {
    Some(NonNull::from(pool).cast())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, case, name, rounds] = arguments.as_slice() {
        if case == "case" {
            let case = all_cases().find(|(full, _)| full == name).expect("a case of this name");
            (case.1.run)(rounds.parse().expect("a number of rounds"));
            return ExitCode::SUCCESS;
        }
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: no instructions were counted");
        return ExitCode::SUCCESS;
    }
    compare_regions();
    compare_locks();
    check_hot_paths()
}

fn all_cases() -> impl Iterator<Item = (String, Case)> {
    let hot = HOT_PATHS.into_iter().flat_map(|path| [path.call, path.nothing]);
    let hot = hot.map(|case| (case.name.to_owned(), case));
    let regions = REGIONS.into_iter().flat_map(|(region, cases)| {
        cases.into_iter().map(move |case| (format!("{region}: {}", case.name), case))
    });
    let locks = LOCKS.into_iter().map(|case| (lock_case(&case), case));
    hot.chain(regions).chain(locks)
}

fn lock_case(lock: &Case) -> String {
    format!("{}: lock and unlock", lock.name)
}

fn compare_regions() {
    println!("\ninstructions per operation:");
    print!("{:<12}", "");
    REGIONS[0].1.iter().for_each(|case| print!("{:>16}", case.name));
    println!();
    for (region, cases) in REGIONS {
        print!("{region:<12}");
        for case in cases {
            let count = count(&format!("{region}: {}", case.name));
            print!("{:>16.1}", count / case.operations as f64);
        }
        println!();
    }
}

fn compare_locks() {
    println!("\ninstructions of lock and unlock, with a loop that counts up:");
    for lock in LOCKS {
        println!("{:<16}{:>12.1}", lock.name, count(&lock_case(&lock)) / lock.operations as f64);
    }
}

fn check_hot_paths() -> ExitCode {
    println!("\ninstructions from the call to `ret`:");
    let mut exit = ExitCode::SUCCESS;
    for path in HOT_PATHS {
        let more = count(path.call.name) - count(path.nothing.name);
        let instructions = (more / path.call.operations as f64).round() as u64 + 2;
        println!("{:<16} {instructions:>4}, at most {}", path.call.name, path.most);
        if instructions > path.most {
            eprintln!("{} needs {instructions} instructions", path.call.name);
            exit = ExitCode::FAILURE;
        }
    }
    exit
}

/// The instructions of one round.
fn count(case: &str) -> f64 {
    let more = run_counted(case, MANY) - run_counted(case, FEW);
    more as f64 / (MANY - FEW) as f64
}

/// The instructions of a whole run of this program with one case.
fn run_counted(case: &str, rounds: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this program has a path"))
        .args(["case", case, &rounds.to_string()])
        .output()
        .expect("valgrind runs");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case} failed:\n{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected : "));
    collected.and_then(|(_, count)| count.trim().parse().ok()).expect("callgrind's count")
}
