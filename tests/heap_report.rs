//! What a heap tells of itself: to programs, and to people.
#![cfg(all(target_os = "linux", target_has_atomic = "64"))]
#![expect(unsafe_code, reason = "gives up capabilities")]

mod bounded;
mod scratch;

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use aquifer::{
    AttachError, Backing, HeapOptions, HeapReport, HeapView, PageUsage, SharedHeap, ShmBox, ShmVec,
    ViewError,
};
use bounded::{Child, in_time, is_killed};
use roxmltree::{Document, Node};
use scratch::Scratch;

const BYTES: usize = 1 << 20;

fn heap() -> SharedHeap {
    HeapOptions::new(BYTES).participants(16).create(&Backing::Memfd).unwrap()
}

fn descriptor(heap: &SharedHeap) -> OwnedFd {
    // SAFETY: nobody writes there by it, but as a heap.
    unsafe { heap.as_fd() }.unwrap().try_clone_to_owned().unwrap()
}

fn pages_of(report: &HeapReport, usage: impl Fn(PageUsage) -> bool) -> u32 {
    report.runs.iter().filter(|run| usage(run.usage)).map(|run| run.pages).sum()
}

#[test]
fn the_figures_are_those_of_what_was_handed_out() {
    let heap = heap();
    let before = heap.stats();
    let small: Vec<_> = (0..100).map(|_| ShmBox::new_in([0_u8; 64], &heap).unwrap()).collect();
    let large = [[0_u8; 40_000]; 2].map(|bytes| ShmBox::new_in(bytes, &heap).unwrap());
    let report = heap.report();
    let class = report.stats.classes.iter().find(|class| class.block_bytes == 64).unwrap();
    assert_eq!((class.used, class.total, class.requests), (100, 128, 100));
    assert_eq!((report.stats.page_requests, report.stats.page_failures), (2, 0));
    assert_eq!((report.stats.bytes, report.stats.pages), (BYTES, before.pages));
    assert_eq!(pages_of(&report, |usage| usage == PageUsage::Whole), 20);
    assert_eq!(pages_of(&report, |usage| matches!(usage, PageUsage::Blocks { .. })), 2);
    assert_eq!(report.stats.free_pages, before.free_pages - 22);
    assert_eq!(pages_of(&report, |usage| usage == PageUsage::Free), before.free_pages as u32 - 22);
    let used: u32 = report.runs.iter().map(|run| used(run.usage)).sum();
    assert_eq!(used, 100);
    assert!(report.is_exact && report.damage.is_none() && !report.is_interrupted);
    drop((small, large));
    assert!(heap.stats().classes.iter().all(|class| class.used == 0));
}

#[test]
fn what_is_handed_out_is_counted_to_the_byte() {
    let heap = heap();
    let figures = || (heap.stats().used_blocks, heap.stats().used_bytes);
    assert_eq!(figures(), (0, 0));
    let small: Vec<_> = (0..100).map(|_| ShmBox::new_in([0_u8; 60], &heap).unwrap()).collect();
    assert_eq!(figures(), (100, 100 * 64));
    // Ten pages each, and one run between them that is free again.
    let [first, between, last] =
        [[0_u8; 40_000]; 3].map(|bytes| ShmBox::new_in(bytes, &heap).unwrap());
    assert_eq!(figures(), (103, 100 * 64 + 30 * 4096));
    drop(between);
    assert_eq!(figures(), (102, 100 * 64 + 20 * 4096));
    heap.root_or_insert_with("visits", || 7_u64).unwrap();
    let (blocks, bytes) = figures();
    assert!(blocks == 103 && bytes > 100 * 64 + 20 * 4096, "{blocks} blocks, {bytes} bytes");
    let text = heap.report().to_string();
    assert!(text.contains(&format!("handed out: {bytes} bytes in 103 blocks\n")), "{text}");
    drop((small, first, last));
    assert_eq!(figures().0, 1);
}

fn used(usage: PageUsage) -> u32 {
    if let PageUsage::Blocks { used, .. } = usage { used } else { 0 }
}

#[test]
fn threads_share_a_heap_and_a_view() {
    fn shared<T: Send + Sync>() {}
    shared::<SharedHeap>();
    shared::<HeapView>();
    shared::<HeapReport>();
}

#[test]
fn runs_cover_all_pages_one_after_another() {
    let heap = heap();
    let _boxes = [1, 2, 3].map(|byte| ShmBox::new_in([byte; 9000], &heap).unwrap());
    let report = heap.report();
    let mut end = 0;
    for run in &report.runs {
        assert_eq!(run.first_page, end);
        end += run.pages;
    }
    assert_eq!(end as usize, report.stats.pages);
}

#[test]
fn fragmentation_is_what_one_run_cannot_have() {
    let heap = heap();
    assert_eq!(heap.report().fragmentation(), 0.0);
    let pages = heap.stats().free_pages;
    let mut boxes: Vec<_> =
        (0..).map_while(|_| ShmBox::new_in([0_u8; 36 << 10], &heap).ok()).collect();
    // The first is given back, and some are kept behind it: two free runs.
    boxes.remove(0);
    boxes.truncate(boxes.len() / 2);
    let report = heap.report();
    let runs = report.runs.iter().filter(|run| run.usage == PageUsage::Free);
    let runs: Vec<_> = runs.map(|run| run.pages as usize).collect();
    assert_eq!((runs.len(), runs.iter().sum()), (2, report.stats.free_pages));
    assert_eq!(runs.iter().max(), Some(&report.stats.largest_free_run));
    let expected = 1.0 - report.stats.largest_free_run as f64 / report.stats.free_pages as f64;
    assert!((report.fragmentation() - expected).abs() < 1e-9 && expected > 0.0);
    drop(boxes);
    assert_eq!(heap.stats().largest_free_run, pages);
}

#[test]
fn a_report_names_roots_and_participants() {
    let heap = heap();
    heap.root_or_insert_with("visits & <counts>", || 7_u64).unwrap();
    heap.root_or_insert_with("old", || [0_u32; 3]).unwrap();
    heap.remove_root::<[u32; 3]>("old").unwrap();
    let report = heap.report();
    assert_eq!((report.stats.roots, report.stats.removed_roots, report.roots.len()), (1, 1, 2));
    let [participant] = report.participants[..] else { panic!("{:?}", report.participants) };
    assert!(participant.process.is_alive && participant.process.pid == std::process::id());
    assert_eq!((report.stats.participants, report.stats.max_participants), (1, 16));
    let text = report.to_string();
    let pid = format!("process {}, started 20", std::process::id());
    for part in [
        "a heap of 1 MiB: ",
        "lock: free",
        "    visits & <counts>: u64, 8 bytes in a block of ",
        ", found by 1\n",
        "    old: [u32; 3], 12 bytes in a block of ",
        ", found by 1, removed\n",
        "participants: 1 alive of at most 16\n",
        &pid,
        " UTC, alive\n",
        "fragmentation 0 %",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
}

#[test]
fn a_report_is_a_table_of_classes_its_free_runs_and_who_was_killed() {
    in_time(|| {
        let heap = heap();
        let _small: Vec<_> = (0..100).map(|_| ShmBox::new_in([0_u8; 64], &heap).unwrap()).collect();
        let _medium = ShmBox::new_in([0_u8; 1000], &heap).unwrap();
        let [gap, _behind] = [[0_u8; 40_000]; 2].map(|bytes| ShmBox::new_in(bytes, &heap).unwrap());
        drop(gap);
        let (mut told, mut tell) = io::pipe().unwrap();
        let killed = Child::start(|| {
            // Whoever does this has moved into a slot.
            heap.reap();
            tell.write_all(b"!").unwrap();
            loop {
                thread::park();
            }
        });
        told.read_exact(&mut [0]).unwrap();
        assert_eq!(heap.stats().participants, 2);
        let pid = killed.number();
        killed.kill();
        assert!(is_killed(killed.end()));
        let text = heap.report().to_string();
        let classes = "\nblocks by class\n    \
            bytes    pages         used        total   fill    requests  failures\n       \
            64        2          100          128   78 %         100         0\n     \
            1024        1            1            4   25 %           1         0\n\n";
        let free = heap.stats().free_pages;
        let runs = format!(
            "free pages: {free} in 2 runs, the largest of {}; fragmentation 4 %\n",
            free - 10
        );
        for part in [classes, &runs, "participants: 1 alive of at most 16\n"] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        let line_of = |pid| text.lines().find(|line| line.contains(&format!(" process {pid}, ")));
        let lines = [std::process::id(), pid].map(line_of).map(Option::unwrap);
        assert!(lines[0].ends_with(" UTC, alive") && lines[1].ends_with(" UTC, dead"), "{text}");
    });
}

#[test]
fn a_terminal_takes_no_name_for_a_command() {
    let heap = heap();
    heap.root_or_insert_with("\u{1b}[2J\n", || 7_u64).unwrap();
    let text = heap.report().to_string();
    assert!(text.contains("\\u{1b}[2J\\n: u64") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_picture_tells_every_page_once() {
    let heap = heap();
    let _small = ShmBox::new_in([0_u8; 64], &heap).unwrap();
    let _large = [[0_u8; 40_000]; 2].map(|bytes| ShmBox::new_in(bytes, &heap).unwrap());
    let report = heap.report();
    let svg = report.to_svg();
    let document = Document::parse(&svg).unwrap();
    let titles: Vec<_> = titles(&document).collect();
    let last = report.stats.pages - 1;
    assert_eq!(
        titles,
        [
            "page 0: 1 of 64 blocks of 64 bytes",
            "pages 1 to 20: whole pages in 2 runs",
            &format!("pages 21 to {last}: free"),
        ]
    );
    let legend: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|n| n.text())
        .collect();
    assert_eq!(legend[1..], ["free", "blocks of 64 bytes", "whole pages"]);
    assert_eq!(cells(&document), [report.stats.pages; 2]);
}

#[test]
fn a_run_of_few_blocks_is_paler_than_a_full_one_of_their_class() {
    let heap = heap();
    let _boxes: Vec<_> = (0..65).map(|_| ShmBox::new_in([0_u8; 64], &heap).unwrap()).collect();
    let svg = heap.report().to_svg();
    let document = Document::parse(&svg).unwrap();
    let told: Vec<_> = titles(&document).take(2).collect();
    assert_eq!(told, ["page 0: 64 of 64 blocks of 64 bytes", "page 1: 1 of 64 blocks of 64 bytes"]);
    // The first page is in the upper left corner, and the second beside it.
    let [full, nearly_empty] = ["M0 0h", "M10 0h"].map(|place| look_of_cell(&document, place));
    assert_eq!(full.colour, nearly_empty.colour);
    assert!(full.opacity > nearly_empty.opacity + 0.3, "{full:?}, {nearly_empty:?}");
}

#[derive(Debug)]
struct CellLook {
    colour: String,
    opacity: f32,
}

/// How the cells look whose lines begin at a place.
fn look_of_cell(document: &Document<'_>, place: &str) -> CellLook {
    let is_it = |node: &Node<'_, '_>| {
        let has_place = node.attribute("d").is_some_and(|lines| lines.contains(place));
        node.has_tag_name("path") && !node.has_children() && has_place
    };
    let path = document.descendants().find(is_it).expect("every page has a cell");
    let opacity = path.attribute("stroke-opacity").map_or(1.0, |part| part.parse().unwrap());
    CellLook { colour: path.attribute("stroke").unwrap().to_owned(), opacity }
}

/// How many cells the lines of a picture cover that are seen, those of the legend left out, and how many
/// those that have tooltips.
fn cells(document: &Document<'_>) -> [usize; 2] {
    // A cell may have a gap behind it.
    let length = |line: &str| line.parse::<usize>().unwrap().div_ceil(10);
    let lengths = |path: &str| {
        let lengths = path.split('h').skip(1).map(|part| length(part.split('M').next().unwrap()));
        lengths.sum::<usize>()
    };
    let of = |has_tooltip| {
        let is_path = |node: &Node<'_, '_>| node.has_tag_name("path");
        let paths = document.descendants().filter(is_path);
        let paths = paths.filter(|node| node.has_children() == has_tooltip);
        paths.filter_map(|node| node.attribute("d")).map(lengths).sum::<usize>()
    };
    let is_text = |node: &Node<'_, '_>| node.has_tag_name("text");
    let legend = document.descendants().filter(is_text).count() - 1;
    [of(false) - legend, of(true)]
}

#[test]
fn a_picture_within_a_page_leaves_the_page_as_it_is() {
    let heap = heap();
    heap.root_or_insert_with("visits", || 7_u64).unwrap();
    let svg = heap.report().to_svg();
    let document = Document::parse(&svg).unwrap();
    let has = |name: &str| document.descendants().any(|node| node.has_attribute(name));
    assert!(!has("class") && !has("id") && !has("style"));
    // Its root is not that of the page.
    let styles = document.descendants().filter(|node| node.has_tag_name("style"));
    for style in styles.filter_map(|node| node.text()) {
        let selectors =
            style.split(['{', '}']).filter(|part| part.contains(':') && !part.contains('#'));
        assert!(selectors.filter(|part| !part.starts_with('@')).all(|part| part == "svg:root"));
    }
}

/// The titles of the cells.
fn titles<'a>(document: &'a Document<'_>) -> impl Iterator<Item = &'a str> {
    let is_title = |node: &Node<'_, '_>| node.has_tag_name("title");
    document.descendants().filter(is_title).filter_map(|node| node.text())
}

#[test]
fn a_picture_of_a_large_heap_is_small() {
    let heap = SharedHeap::create(&Backing::Memfd, 64 << 20).unwrap();
    let _boxes: Vec<_> = (0..5000).map(|_| ShmBox::new_in([0_u8; 3000], &heap).unwrap()).collect();
    let report = heap.report();
    let svg = report.to_svg();
    let document = Document::parse(&svg).unwrap();
    let titles: Vec<_> = titles(&document).collect();
    assert!(svg.len() < 5000, "{}", svg.len());
    let last = format!("to {}: free", report.stats.pages - 1);
    assert!(titles[0].starts_with("pages 0 to ") && titles[titles.len() - 1].ends_with(&last));
    assert_eq!(cells(&document), [report.stats.pages.div_ceil(8); 2]);
}

#[test]
fn a_picture_of_a_varied_heap_has_as_many_tooltips_as_its_bytes_allow() {
    let heap = SharedHeap::create(&Backing::Memfd, 32 << 20).unwrap();
    let sizes = (0..9000_usize).map(|index| 1 + index * index * 7919 % 5000);
    let vecs = sizes.map(|bytes| ShmVec::<u8>::with_capacity_in(bytes, &heap).unwrap());
    let mut vecs: Vec<_> = vecs.collect();
    let mut index = 0_usize;
    vecs.retain(|_| {
        index += 1;
        index * index % 7 < 3
    });
    let report = heap.report();
    let svg = report.to_svg();
    let document = Document::parse(&svg).unwrap();
    let bytes = HeapReport::MAX_SVG_BYTES;
    assert!(svg.len() <= bytes && svg.len() > bytes / 4, "{}", svg.len());
    let tooltips = titles(&document).count();
    assert!((100..1000).contains(&tooltips), "{tooltips}");
    assert_eq!(cells(&document), [report.stats.pages.div_ceil(4); 2]);
}

#[test]
fn a_picture_ends_where_there_is_no_more_room_for_it() {
    struct Room(usize);
    impl fmt::Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }
    let report = heap().report();
    let bytes = report.to_svg().len();
    assert_eq!(report.write_svg(&mut Room(bytes)), Ok(()));
    assert_eq!(report.write_svg(&mut Room(bytes - 1)), Err(fmt::Error));
}

#[test]
fn a_view_sees_what_the_heap_says_and_changes_nothing() {
    let heap = heap();
    heap.root_or_insert_with("visits", || 7_u64).unwrap();
    let view = HeapView::from_fd(descriptor(&heap)).unwrap();
    view.check().unwrap();
    let [seen, told] = [view.report().unwrap(), heap.report()];
    assert_eq!(
        (&seen.runs, &seen.roots, &seen.participants),
        (&told.runs, &told.roots, &told.participants)
    );
    assert!(seen.is_exact && seen.lock_owner.is_none());
    assert_eq!(seen.stats.participants, 1);
}

#[test]
fn a_view_has_no_right_to_write() {
    in_time(|| {
        let scratch = Scratch::new();
        let (path, backing) = scratch.file_backing("heap");
        // Who makes a heap has it mapped by another name.
        let maker = Child::start(|| _ = SharedHeap::create(&backing, BYTES).unwrap());
        assert_eq!(maker.end(), 0);
        let _opened = HeapView::open(&backing).unwrap();
        assert_eq!(rights_to(&path), ["r--s"]);
        let writable = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let _passed = HeapView::from_fd(writable.into()).unwrap();
        assert_eq!(rights_to(&path), ["r--s", "r--s"]);
        let _heap = SharedHeap::open(&backing).unwrap();
        assert_eq!(rights_to(&path), ["r--s", "r--s", "rw-s"]);
    });
}

/// What this process may do with each mapping of a file, as the system says.
fn rights_to(path: &Path) -> Vec<String> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let lines = maps.lines().filter(|line| line.ends_with(path.to_str().unwrap()));
    let mut rights: Vec<_> = lines.filter_map(|line| line.split(' ').nth(1)).collect();
    rights.sort_unstable();
    rights.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_file_that_may_only_be_read_can_be_viewed() {
    in_time(|| {
        let scratch = Scratch::new();
        let (path, backing) = scratch.file_backing("heap");
        let maker = Child::start(|| _ = SharedHeap::create(&backing, BYTES).unwrap());
        assert_eq!(maker.end(), 0);
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        let viewer = Child::start(|| {
            give_up_all_capabilities();
            let refused = OpenOptions::new().write(true).open(&path).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
            HeapView::open(&backing).unwrap().check().unwrap();
            let readable = fs::File::open(&path).unwrap();
            HeapView::from_fd(readable.into()).unwrap().check().unwrap();
        });
        assert_eq!(viewer.end(), 0);
    });
}

/// From now on modes of files hold for this process, be it the superuser's or not.
fn give_up_all_capabilities() {
    const VERSION_3: u32 = 0x2008_0522;
    let (this_process, none) = ([VERSION_3, 0], [0_u32; 6]);
    // SAFETY: both are as this version has them, and borrowed for as long as the call lasts.
    let result = unsafe { libc::syscall(libc::SYS_capset, this_process.as_ptr(), none.as_ptr()) };
    assert_eq!(result, 0);
}

#[test]
fn a_view_refuses_what_is_no_heap() {
    let scratch = Scratch::new();
    let path = scratch.file("heap");
    let backing = Backing::File(path.clone());
    assert!(matches!(HeapView::open(&backing), Err(AttachError::NotFound)));
    assert!(matches!(HeapView::open(&Backing::Memfd), Err(AttachError::NotFound)));
    SharedHeap::create(&backing, BYTES).unwrap();
    HeapView::open(&backing).unwrap().check().unwrap();
    let bytes = fs::read(&path).unwrap();
    for length in [1, 100, 5000, BYTES - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = HeapView::open(&backing).unwrap_err();
        assert!(matches!(error, AttachError::NoHeap | AttachError::Length { .. }), "{error}");
    }
}

#[test]
fn a_view_sees_that_its_file_was_cut_off() {
    let scratch = Scratch::new();
    let path = scratch.file("heap");
    let backing = Backing::File(path.clone());
    // Copied, lest this process has the heap attached that loses its bytes.
    SharedHeap::create(&backing, BYTES).unwrap();
    let copy = scratch.file("copy");
    fs::copy(&path, &copy).unwrap();
    let view = HeapView::open(&Backing::File(copy.clone())).unwrap();
    view.check().unwrap();
    OpenOptions::new().write(true).open(&copy).unwrap().set_len(4096).unwrap();
    assert_eq!(view.check(), Err(ViewError::CutOff));
    assert_eq!(view.report().unwrap_err(), ViewError::CutOff);
}

#[test]
fn a_view_tells_a_damaged_heap_by_its_place() {
    let scratch = Scratch::new();
    let path = scratch.file("heap");
    let backing = Backing::File(path.clone());
    let heap = SharedHeap::create(&backing, BYTES).unwrap();
    heap.root_or_insert_with("a name to be found in the file", || 7_u64).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let name = b"a name to be found in the file";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at] = 0xFF;
    let copy = scratch.file("copy");
    fs::copy(&path, &copy).unwrap();
    fs::write(&copy, &bytes).unwrap();
    let view = HeapView::open(&Backing::File(copy.clone())).unwrap();
    let error = view.check().unwrap_err();
    assert!(matches!(error, ViewError::Damaged(_)));
    assert!(error.to_string().contains("a text is wrong of the root at 0x"), "{error}");
    assert!(view.report().unwrap().roots[0].name.contains(" name to be found"));
}
