//! Regions compared: time by case, and the bytes that each holds.
//!
//! `cargo bench --bench pool`

mod regions;

use std::alloc::{Layout, System};
use std::hint::black_box;
use std::time::Duration;

use bumpalo::Bump;
use criterion::Criterion;
use mimalloc::MiMalloc;
use regions::contest::{self, Contender};
use regions::peers::{ByTrait, Heap, Region};
use regions::workloads::{self, VALUES, mixed_layouts, request_layouts, serve};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(50)
        .without_plots()
        .configure_from_args();
    let mut rows = vec![];
    let mut time = |case: &str, operations, contenders| {
        rows.push(contest::time(&mut criterion, case, operations, contenders));
    };
    time("16 B", VALUES, values());
    time("8..512 B", VALUES, mixed());
    for first_block in [4 * KIB, 32 * KIB] {
        let kib = first_block / KIB;
        time(&format!("request, create and drop, {kib} KiB"), 1, create_and_drop(first_block));
        time(&format!("request, reset and reuse, {kib} KiB"), 1, reset_and_reuse(first_block));
    }
    time("Vec<u32> push", PUSHES.into(), vec_push());
    time("hashbrown insert", INSERTS, map_insert());
    criterion.final_summary();
    println!("\nns per operation, medians of turns in turn:\n\n{}", rows.join("\n"));
    report_memory();
}

/// Makes a contender of each region: `work` is a generic function that makes the work of one.
macro_rules! each_region {
    ($work:ident($($argument:expr),*)) => {
        vec![
            each_region!($work, aquifer::Pool, $($argument),*),
            each_region!($work, Bump, $($argument),*),
            each_region!($work, Bump<8>, $($argument),*),
            each_region!($work, bump_scope::Bump, $($argument),*),
            each_region!($work, Heap<System>, $($argument),*),
            each_region!($work, Heap<MiMalloc>, $($argument),*),
        ]
    };
    ($work:ident, $region:ty, $($argument:expr),*) => {
        Contender { name: <$region as Region>::NAME, work: Box::new($work::<$region>($($argument),*)) }
    };
}

fn values() -> Vec<Contender> {
    fn work<R: Region + 'static>() -> impl FnMut() {
        let mut region = R::new(64 * KIB);
        move || workloads::values(&mut region)
    }
    let mut contenders = each_region!(work());
    let mut arena = typed_arena::Arena::with_capacity(VALUES as usize);
    contenders.push(Contender {
        name: "typed-arena",
        work: Box::new(move || {
            for n in 0..VALUES {
                black_box(arena.alloc([n; 2]));
            }
            // It has no reset.
            arena = typed_arena::Arena::with_capacity(VALUES as usize);
        }),
    });
    contenders
}

fn mixed() -> Vec<Contender> {
    fn work<R: Region + 'static>() -> impl FnMut() {
        let (mut region, layouts) = (R::new(64 * KIB), mixed_layouts());
        move || {
            serve(&mut region, &layouts);
            region.reset();
        }
    }
    each_region!(work())
}

fn create_and_drop(first_block: usize) -> Vec<Contender> {
    fn work<R: Region>(first_block: usize) -> impl FnMut() {
        let layouts = request_layouts();
        move || serve(&mut R::new(first_block), &layouts)
    }
    each_region!(work(first_block))
}

fn reset_and_reuse(first_block: usize) -> Vec<Contender> {
    fn work<R: Region + 'static>(first_block: usize) -> impl FnMut() {
        let (mut region, layouts) = (R::new(first_block), request_layouts());
        move || {
            serve(&mut region, &layouts);
            region.reset();
        }
    }
    each_region!(work(first_block))
}

const PUSHES: u32 = 4000;

fn vec_push() -> Vec<Contender> {
    /// Pushes to a vector that an expression makes, in a region that is reset after each.
    macro_rules! push {
        ($name:expr, $region:ident = $new:expr, $vec:expr) => {{
            let mut $region = $new;
            let work = move || {
                {
                    let mut vec = $vec;
                    for n in 0..PUSHES {
                        vec.push(black_box(n));
                    }
                    black_box(vec.as_slice());
                }
                $region.reset();
            };
            Contender { name: $name, work: Box::new(work) }
        }};
    }

    use allocator_api2::vec::Vec as ApiVec;
    use bump_scope::BumpVec;
    use bumpalo::collections::Vec as OwnVec;
    vec![
        push!("aquifer", pool = aquifer::Pool::new(), ApiVec::new_in(&pool)),
        push!("bumpalo", bump = Bump::new(), ApiVec::new_in(&bump)),
        push!("bumpalo's own", bump = Bump::new(), OwnVec::new_in(&bump)),
        push!("bump-scope", bump = <bump_scope::Bump>::new(), ApiVec::new_in(&bump)),
        push!("bump-scope's own", bump = <bump_scope::Bump>::new(), BumpVec::new_in(&bump)),
        push!("std", nothing = Nothing, Vec::new()),
        push!("mimalloc", nothing = Nothing, ApiVec::new_in(ByTrait(MiMalloc))),
    ]
}

const INSERTS: u64 = 1000;

fn map_insert() -> Vec<Contender> {
    /// Fills a map that an expression makes, in a region that is reset after each.
    macro_rules! insert {
        ($name:expr, $region:ident = $new:expr, $map:expr) => {{
            let (mut $region, hasher) = ($new, hashbrown::DefaultHashBuilder::default());
            let work = move || {
                {
                    let mut map = $map(hasher.clone());
                    for n in 0..INSERTS {
                        map.insert(black_box(n), n);
                    }
                    black_box(&map);
                }
                $region.reset();
            };
            Contender { name: $name, work: Box::new(work) }
        }};
    }

    use hashbrown::HashMap;
    vec![
        insert!("aquifer", pool = aquifer::Pool::new(), |by| HashMap::with_hasher_in(by, &pool)),
        insert!("bumpalo", bump = Bump::new(), |by| HashMap::with_hasher_in(by, &bump)),
        insert!("bump-scope", bump = <bump_scope::Bump>::new(), |by| {
            HashMap::with_hasher_in(by, &bump)
        }),
        insert!("std", nothing = Nothing, HashMap::with_hasher),
        insert!("mimalloc", nothing = Nothing, |by| {
            HashMap::with_hasher_in(by, ByTrait(MiMalloc))
        }),
    ]
}

/// The region of a vector on the heap.
struct Nothing;

impl Nothing {
    fn reset(&mut self) {}
}

/// Prints how many bytes each region holds where servers see it grow.
fn report_memory() {
    fn streaming_body<R: Region>() -> usize {
        let (chunk, note) = (Layout::new::<[u8; 64 * KIB]>(), Layout::new::<[u8; 32]>());
        let mut region = R::new(4 * KIB);
        let peaks = (0..256).map(|_| {
            let values = region.reserve(chunk);
            region.alloc_layout(note);
            let held = region.bytes_held();
            region.dealloc(values, chunk);
            held
        });
        peaks.max().unwrap_or(0)
    }

    fn after_a_spike<R: Region>() -> usize {
        let mut region = R::new(4 * KIB);
        for _ in 0..2 {
            for _ in 0..50 * 256 {
                region.alloc_layout(Layout::new::<[u8; 4 * KIB]>());
            }
            region.reset();
        }
        for _ in 0..1000 {
            region.alloc_layout(Layout::new::<[u8; 100]>());
            region.reset();
        }
        region.bytes_held()
    }

    fn one_large_and_smalls<R: Region>() -> usize {
        let mut region = R::new(4 * KIB);
        region.alloc_layout(Layout::new::<[u8; 10 * MIB]>());
        for _ in 0..KIB {
            region.alloc_layout(Layout::new::<[u64; 8]>());
        }
        region.bytes_held()
    }

    fn report<R: Region>() {
        let figures = [streaming_body::<R>(), after_a_spike::<R>(), one_large_and_smalls::<R>()];
        let [streaming, spike, large] = figures.map(|bytes| bytes / KIB);
        println!("{:<12} {streaming:>22} {spike:>22} {large:>22}", R::NAME);
    }

    println!("\nKiB held:    peak of a streaming body      after a 50 MiB spike   10 MiB + 64 KiB");
    report::<aquifer::Pool>();
    report::<Bump>();
    report::<bump_scope::Bump>();
}
