//! What a `SlabPool` promises.
#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "gives memory back")]

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use allocator_api2::vec::Vec;
use aquifer::{AllocError, RegionError, SlabPool, SlabStats};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn layout(bytes: usize, align: usize) -> Layout {
    Layout::from_size_align(bytes, align).unwrap()
}

fn fill(memory: NonNull<u8>, bytes: usize, value: u8) {
    // SAFETY: the callers own so many bytes.
    unsafe { memory.write_bytes(value, bytes) };
}

fn bytes_of<'a>(memory: NonNull<u8>, bytes: usize) -> &'a [u8] {
    // SAFETY: the callers own so many bytes, which they have written or got zeroed.
    unsafe { std::slice::from_raw_parts(memory.as_ptr(), bytes) }
}

fn free(pool: &SlabPool, memory: NonNull<u8>, layout: Layout) {
    // SAFETY: the callers have it from this pool with this layout, and give it back once.
    unsafe { pool.dealloc(memory, layout) };
}

fn blocks_in_use(stats: &SlabStats) -> usize {
    stats.classes.iter().map(|class| class.used).sum()
}

#[test]
fn a_region_without_room_for_a_page_is_refused_with_the_least_that_would_do() {
    for bytes in [0, 1, 4096, SlabPool::MIN_BYTES - 1] {
        match SlabPool::new(bytes) {
            Err(RegionError::TooSmall { minimum }) => assert_eq!(minimum, SlabPool::MIN_BYTES),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(SlabPool::new(SlabPool::MIN_BYTES).unwrap().stats().pages, 1);
    let error = SlabPool::new(usize::MAX / 2).unwrap_err();
    assert!(matches!(error, RegionError::System(_)), "{error:?}");
    assert!(error.to_string().starts_with("the system refused"));
}

#[test]
fn every_size_and_alignment_has_its_place() {
    let pool = SlabPool::new(4 * MIB).unwrap();
    for align in (0..=16).map(|bits| 1 << bits) {
        for bytes in [0, 1, 7, 8, 9, 100, 2048, 2049, 4095, 4096, 4097, 7168, 8192, 100 * KIB] {
            let layout = layout(bytes, align);
            let memory = pool.alloc_zeroed(layout).unwrap();
            assert_eq!(memory.addr().get() % align, 0, "{layout:?}");
            assert!(bytes_of(memory, bytes).iter().all(|&byte| byte == 0));
            fill(memory, bytes, 0xAB);
            free(&pool, memory, layout);
            pool.check().unwrap();
        }
    }
    assert_eq!(blocks_in_use(&pool.stats()), 0);
}

#[test]
fn what_finds_no_room_is_refused_and_nothing_is_lost() {
    let pool = SlabPool::new(MIB).unwrap();
    let pages = pool.stats().pages;
    for bytes in [2 * MIB, isize::MAX as usize - 4096] {
        assert_eq!(pool.alloc_layout(layout(bytes, 8)), Err(AllocError));
    }
    assert_eq!(pool.alloc_layout(layout(8, 1 << 40)), Err(AllocError));
    let block = layout(64, 8);
    let blocks: std::vec::Vec<_> = std::iter::from_fn(|| pool.alloc_layout(block).ok()).collect();
    assert_eq!(blocks.len(), pages * 4096 / 64);
    let stats = pool.stats();
    assert_eq!((blocks_in_use(&stats), stats.free_pages), (blocks.len(), 0));
    assert_eq!((stats.used_blocks, stats.used_bytes), (blocks.len(), pages * 4096));
    let class = stats.classes.iter().find(|class| class.block_bytes == 64).unwrap();
    assert_eq!((class.used, class.total, class.failures), (blocks.len(), blocks.len(), 1));
    assert_eq!(class.requests, blocks.len() as u64 + 1);
    blocks.into_iter().for_each(|memory| free(&pool, memory, block));
    assert_eq!((pool.stats().used_blocks, pool.stats().used_bytes), (0, 0));
    assert!(pool.alloc_layout(layout(pages * 4096, 8)).is_ok());
    assert_eq!((pool.stats().used_blocks, pool.stats().used_bytes), (1, pages * 4096));
}

#[test]
fn memory_grows_and_shrinks_with_what_is_in_it() {
    let pool = SlabPool::new(4 * MIB).unwrap();
    let mut held = layout(16, 8);
    let mut memory = pool.alloc_layout(held).unwrap();
    fill(memory, 16, 1);
    let sizes = [17, 24, 100, 5000, 4096, 65_536, 131_072, 1_000_000, 500_000, 9000, 3000, 30, 8];
    for (round, bytes) in sizes.into_iter().enumerate() {
        let new = layout(bytes, 8);
        let kept = held.size().min(bytes);
        // SAFETY: it is of this pool, with this layout, and the pointer is not used again.
        memory = unsafe { pool.resize(memory, held, new) }.unwrap();
        assert!(bytes_of(memory, kept).iter().all(|&byte| byte == round as u8 + 1));
        fill(memory, bytes, round as u8 + 2);
        held = new;
        pool.check().unwrap();
    }
    free(&pool, memory, held);
}

#[test]
fn a_run_of_pages_grows_where_it_is_if_its_neighbours_are_free() {
    let pool = SlabPool::new(4 * MIB).unwrap();
    let small = layout(64 * KIB, 4096);
    let memory = pool.alloc_layout(small).unwrap();
    let large = layout(2 * MIB, 4096);
    // SAFETY: it is of this pool, with this layout, and the pointer is not used again.
    assert_eq!(unsafe { pool.resize(memory, small, large) }, Ok(memory));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize(memory, large, small) }, Ok(memory));
    let neighbour = pool.alloc_layout(small).unwrap();
    assert_eq!(neighbour.addr().get(), memory.addr().get() + small.size());
    // SAFETY: as above.
    let moved = unsafe { pool.resize(memory, small, large) }.unwrap();
    assert_ne!(moved, memory);
}

#[test]
fn what_cannot_move_to_be_smaller_stays() {
    let pool = SlabPool::new(SlabPool::MIN_BYTES).unwrap();
    let page = layout(4096, 8);
    let memory = pool.alloc_layout(page).unwrap();
    // SAFETY: it is of this pool, with this layout, and the pointer is not used again.
    assert_eq!(unsafe { pool.resize(memory, page, layout(8, 8)) }, Ok(memory));
    // SAFETY: as above.
    assert_eq!(unsafe { pool.resize(memory, page, layout(8192, 8)) }, Err(AllocError));
    free(&pool, memory, layout(8, 8));
    assert_eq!(blocks_in_use(&pool.stats()), 0);
}

#[test]
fn many_operations_take_one_turn() {
    let pool = SlabPool::new(MIB).unwrap();
    let block = layout(48, 16);
    let mut guard = pool.lock().unwrap();
    let blocks: std::vec::Vec<_> = (0..100).map(|_| guard.alloc_layout(block).unwrap()).collect();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| pool.alloc_layout(block).unwrap().addr());
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(!other.is_finished(), "it had to wait");
        for memory in blocks {
            // SAFETY: it is of this pool, with this layout, and given back once.
            unsafe { guard.dealloc(memory, block) };
        }
        drop(guard);
        other.join().unwrap();
    });
    assert_eq!(blocks_in_use(&pool.stats()), 1);
}

#[test]
fn zeroed_memory_is_zero_wherever_it_comes_from() {
    let pool = SlabPool::new(MIB).unwrap();
    for bytes in [8, 1000, 4096, 50_000, 300_000] {
        let layout = layout(bytes, 8);
        for _ in 0..3 {
            let memory = pool.alloc_zeroed(layout).unwrap();
            assert!(bytes_of(memory, bytes).iter().all(|&byte| byte == 0));
            fill(memory, bytes, 0xFF);
            free(&pool, memory, layout);
        }
    }
}

#[test]
fn collections_live_in_a_pool_and_give_back_what_they_had() {
    let pool = SlabPool::new(MIB).unwrap();
    let mut rows: Vec<Vec<u32, _>, _> = Vec::new_in(&pool);
    for row in 0..100 {
        let mut numbers = Vec::new_in(&pool);
        numbers.extend(0..row);
        rows.push(numbers);
    }
    assert_eq!(rows.iter().map(|row| row.len()).sum::<usize>(), 4950);
    rows.iter_mut().for_each(Vec::shrink_to_fit);
    let mut map =
        hashbrown::HashMap::with_hasher_in(hashbrown::DefaultHashBuilder::default(), &pool);
    map.extend((0..1000).map(|number| (number, number * 2)));
    assert_eq!(map[&21], 42);
    drop((rows, map));
    assert_eq!(blocks_in_use(&pool.stats()), 0);
}

#[test]
fn a_pool_that_nobody_uses_has_no_memory() {
    static POOL: SlabPool = SlabPool::const_new(64 * MIB);
    let stats = POOL.stats();
    assert_eq!((stats.bytes, stats.pages), (64 * MIB, 0));
    assert!(POOL.check().is_ok());
    assert!(POOL.alloc_layout(layout(8, 8)).is_ok());
    assert!(POOL.stats().pages > 16_000);
    assert_eq!(format!("{POOL:?}"), "SlabPool { bytes: 67108864, .. }");
}

#[test]
fn a_guard_is_printed_in_a_line() {
    let pool = SlabPool::new(MIB).unwrap();
    assert_eq!(format!("{:?}", pool.lock().unwrap()), "SlabGuard { bytes: 1048576, .. }");
}

#[test]
fn waiting_for_a_pool_leaves_errno_as_it_was() {
    let pool = SlabPool::new(MIB).unwrap();
    let block = layout(64, 8);
    let guard = pool.lock().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            // SAFETY: the call takes nothing, and returns this thread's.
            let errno = unsafe { libc::__errno_location() };
            // SAFETY: it is this thread's.
            unsafe { errno.write(libc::EXDEV) };
            let memory = pool.alloc_layout(block);
            let error = std::io::Error::last_os_error().raw_os_error();
            (memory.is_ok(), error)
        });
        // Long enough for it to fall asleep, and to be woken then.
        std::thread::sleep(std::time::Duration::from_millis(50));
        drop(guard);
        assert_eq!(waiter.join().unwrap(), (true, Some(libc::EXDEV)));
    });
}

#[test]
fn more_pages_than_can_be_told_apart_are_refused() {
    let more_than_any = (0..10_000).step_by(97).map(|less| usize::MAX - less);
    for bytes in more_than_any.chain([9 << 40, isize::MAX as usize, 1 << 63]) {
        let error = SlabPool::new(bytes).unwrap_err();
        assert!(matches!(error, RegionError::System(_)), "{bytes}: {error:?}");
    }
}

#[test]
fn a_static_pool_that_the_system_has_no_memory_for_refuses_everything() {
    static POOL: SlabPool = SlabPool::const_new(usize::MAX);
    // SAFETY: the layout has bytes.
    assert!(unsafe { GlobalAlloc::alloc(&POOL, layout(8, 8)) }.is_null());
    assert_eq!(POOL.alloc_zeroed(layout(100_000, 8)), Err(AllocError));
    assert!(POOL.lock().is_err());
    assert_eq!(POOL.stats().pages, 0);
}
