//! Regions compared: time by case, and the bytes that each holds.
//!
//! `cargo bench --bench pool`

mod regions;

use std::alloc::{Layout, System};
use std::hint::black_box;
use std::time::Duration;

use bumpalo::Bump;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use mimalloc::MiMalloc;
use regions::peers::{ByTrait, Heap, Region};
use regions::workloads::{self, VALUES, mixed_layouts, request_layouts, serve};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(100)
        .without_plots()
        .configure_from_args();
    time_values(&mut criterion);
    time_requests(&mut criterion);
    time_vec_push(&mut criterion);
    time_map_insert(&mut criterion);
    criterion.final_summary();
    report_memory();
}

/// Runs a case for each region.
macro_rules! for_each_region {
    ($group:expr, $case:ident $(, $argument:expr)*) => {
        $case::<aquifer::Pool>($group $(, $argument)*);
        $case::<Bump>($group $(, $argument)*);
        $case::<Bump<8>>($group $(, $argument)*);
        $case::<bump_scope::Bump>($group $(, $argument)*);
        $case::<Heap<System>>($group $(, $argument)*);
        $case::<Heap<MiMalloc>>($group $(, $argument)*);
    };
}

fn time_values(criterion: &mut Criterion) {
    fn values<R: Region>(group: &mut BenchmarkGroup<'_, WallTime>) {
        let mut region = R::new(64 * KIB);
        group.bench_function(R::NAME, |bencher| {
            bencher.iter(|| workloads::values(&mut region));
        });
    }

    fn mixed<R: Region>(group: &mut BenchmarkGroup<'_, WallTime>) {
        let layouts = mixed_layouts();
        let mut region = R::new(64 * KIB);
        group.bench_function(R::NAME, |bencher| {
            bencher.iter(|| {
                serve(&mut region, &layouts);
                region.reset();
            });
        });
    }

    let mut group = criterion.benchmark_group("16 B");
    group.throughput(Throughput::Elements(VALUES));
    for_each_region!(&mut group, values);
    group.bench_function("typed-arena", |bencher| {
        bencher.iter_batched_ref(
            || typed_arena::Arena::with_capacity(VALUES as usize),
            |arena| {
                for n in 0..VALUES {
                    black_box(arena.alloc([n; 2]));
                }
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();

    let mut group = criterion.benchmark_group("8..512 B");
    group.throughput(Throughput::Elements(VALUES));
    for_each_region!(&mut group, mixed);
    group.finish();
}

fn time_requests(criterion: &mut Criterion) {
    fn create_and_drop<R: Region>(group: &mut BenchmarkGroup<'_, WallTime>, first_block: usize) {
        let layouts = request_layouts();
        group.bench_function(R::NAME, |bencher| {
            bencher.iter(|| serve(&mut R::new(first_block), &layouts));
        });
    }

    fn reset_and_reuse<R: Region>(group: &mut BenchmarkGroup<'_, WallTime>, first_block: usize) {
        let layouts = request_layouts();
        let mut region = R::new(first_block);
        group.bench_function(R::NAME, |bencher| {
            bencher.iter(|| {
                serve(&mut region, &layouts);
                region.reset();
            });
        });
    }

    for first_block in [4 * KIB, 32 * KIB] {
        let kib = first_block / KIB;
        let mut group = criterion.benchmark_group(format!("request, create and drop, {kib} KiB"));
        for_each_region!(&mut group, create_and_drop, first_block);
        group.finish();
        let mut group = criterion.benchmark_group(format!("request, reset and reuse, {kib} KiB"));
        for_each_region!(&mut group, reset_and_reuse, first_block);
        group.finish();
    }
}

fn time_vec_push(criterion: &mut Criterion) {
    const COUNT: u32 = 4000;
    let mut group = criterion.benchmark_group("Vec<u32> push");
    group.throughput(Throughput::Elements(COUNT.into()));

    /// Pushes to a vector that an expression makes, in a region that is reset after each.
    macro_rules! push {
        ($name:expr, $region:ident = $new:expr, $vec:expr) => {
            group.bench_function($name, |bencher| {
                let mut $region = $new;
                bencher.iter(|| {
                    {
                        let mut vec = $vec;
                        for n in 0..COUNT {
                            vec.push(black_box(n));
                        }
                        black_box(vec.as_slice());
                    }
                    $region.reset();
                });
            });
        };
    }

    use allocator_api2::vec::Vec as ApiVec;
    push!("aquifer", pool = aquifer::Pool::new(), ApiVec::new_in(&pool));
    push!("bumpalo", bump = Bump::new(), ApiVec::new_in(&bump));
    push!("bumpalo, its own Vec", bump = Bump::new(), bumpalo::collections::Vec::new_in(&bump));
    push!("bump-scope", bump = <bump_scope::Bump>::new(), ApiVec::new_in(&bump));
    push!("bump-scope, its own Vec", bump = <bump_scope::Bump>::new(), {
        bump_scope::BumpVec::new_in(&bump)
    });
    push!("std", nothing = Nothing, Vec::new());
    push!("mimalloc", nothing = Nothing, ApiVec::new_in(ByTrait(MiMalloc)));
    group.finish();
}

fn time_map_insert(criterion: &mut Criterion) {
    const COUNT: u64 = 1000;
    let mut group = criterion.benchmark_group("hashbrown insert");
    group.throughput(Throughput::Elements(COUNT));

    /// Fills a map that an expression makes, in a region that is reset after each.
    macro_rules! insert {
        ($name:expr, $region:ident = $new:expr, $map:expr) => {
            group.bench_function($name, |bencher| {
                let mut $region = $new;
                bencher.iter(|| {
                    {
                        let mut map = $map;
                        for n in 0..COUNT {
                            map.insert(black_box(n), n);
                        }
                        black_box(&map);
                    }
                    $region.reset();
                });
            });
        };
    }

    use hashbrown::{DefaultHashBuilder, HashMap};
    let hasher = DefaultHashBuilder::default();
    insert!("aquifer", pool = aquifer::Pool::new(), HashMap::with_hasher_in(hasher.clone(), &pool));
    insert!("bumpalo", bump = Bump::new(), HashMap::with_hasher_in(hasher.clone(), &bump));
    insert!("bump-scope", bump = <bump_scope::Bump>::new(), {
        HashMap::with_hasher_in(hasher.clone(), &bump)
    });
    insert!("std", nothing = Nothing, HashMap::with_hasher(hasher.clone()));
    insert!(
        "mimalloc",
        nothing = Nothing,
        HashMap::with_hasher_in(hasher.clone(), ByTrait(MiMalloc))
    );
    group.finish();
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
