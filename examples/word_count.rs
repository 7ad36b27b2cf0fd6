// cargo run --example word_count
//! Counts words on several threads: whatever the program allocates lies in a pool of fixed size.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::thread;

use aquifer::SlabPool;

#[global_allocator]
static MEMORY: SlabPool = SlabPool::const_new(64 << 20);

const THREADS: usize = 4;
const LINES: usize = 40_000;

fn main() {
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    let parts = lines.chunks(lines.len().div_ceil(THREADS));
    let counts = thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| count(part))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(HashMap::new(), join)
    });
    assert_eq!(counts.values().sum::<usize>(), text.split_whitespace().count());

    let mut words: Vec<_> = counts.iter().map(|(word, &count)| (Reverse(count), word)).collect();
    words.sort_unstable();
    println!("{} different words in {} bytes", words.len(), text.len());
    words.iter().take(5).for_each(|(count, word)| println!("{:8} {word}", count.0));
    print_stats();
    MEMORY.check().expect("nobody writes into the tables");
}

/// Writes some MiB of text: common words, and one in each line that is nowhere else.
fn text() -> String {
    let common = ["water", "the", "under", "stone", "the", "flows", "of", "slowly", "spring"];
    let line = |number: usize| {
        let words = (0..10).map(|place| common[number * number % 61 * (place + 1) % common.len()]);
        words.chain([format!("w{number}").as_str()]).flat_map(|word| [word, " "]).collect()
    };
    (0..LINES).map(line).collect::<Vec<String>>().join("\n")
}

fn count(lines: &[&str]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in lines.iter().flat_map(|line| line.split_whitespace()) {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn join(mut all: HashMap<String, usize>, some: HashMap<String, usize>) -> HashMap<String, usize> {
    some.into_iter().for_each(|(word, count)| *all.entry(word).or_default() += count);
    all
}

fn print_stats() {
    let stats = MEMORY.stats();
    println!("{:>8} {:>8} {:>8} {:>8}", "bytes", "used", "total", "requests");
    for class in stats.classes.iter().filter(|class| class.requests > 0) {
        let (bytes, used, total) = (class.block_bytes, class.used, class.total);
        println!("{bytes:8} {used:8} {total:8} {:8}", class.requests);
    }
    println!("{} of {} pages are free", stats.free_pages, stats.pages);
}
