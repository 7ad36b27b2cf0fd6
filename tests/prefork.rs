//! What the server of `examples/prefork` promises: to clients, and whatever happens to its workers.
#![cfg(target_os = "linux")]

#[path = "prefork/answers.rs"]
mod answers;
#[path = "prefork/bounds.rs"]
mod bounds;
#[path = "prefork/client.rs"]
mod client;
#[path = "prefork/crowd.rs"]
mod crowd;
#[path = "prefork/ends.rs"]
mod ends;
#[path = "prefork/page.rs"]
mod page;
mod scratch;
#[path = "prefork/server.rs"]
mod server;
#[path = "prefork/state.rs"]
mod state;

// What the server has in the heap, to be looked at by itself.
#[path = "../examples/prefork/cache.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod cache;
#[path = "../examples/prefork/clock.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod clock;
#[path = "../examples/prefork/counters.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod counters;
#[path = "../examples/prefork/histogram.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod histogram;
#[path = "../examples/prefork/limiter.rs"]
mod limiter;
#[path = "../examples/prefork/media_type.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod media_type;
#[path = "../examples/prefork/shard.rs"]
mod shard;
#[path = "../examples/prefork/site.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod site;
#[path = "../examples/prefork/status_code.rs"]
#[allow(dead_code, reason = "the server uses all of it")]
mod status_code;
#[path = "../examples/prefork/units.rs"]
mod units;

use std::fs;

use scratch::Scratch;
use serde_json::Value;

/// Bytes that tell their place, and their file.
fn content(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|place| ((place / 7) ^ (place >> 9) ^ (seed * 31)) as u8).collect()
}

/// A directory with a file of each size, by name.
fn directory(sizes: &[(&str, usize)]) -> Scratch {
    let scratch = Scratch::new();
    for (seed, (name, bytes)) in sizes.iter().enumerate() {
        fs::write(scratch.file(name), content(*bytes, seed)).unwrap();
    }
    scratch
}

/// A number of the status, by its path.
fn number(status: &Value, path: &str) -> u64 {
    status.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {status:#}"))
}

/// What is so in every moment in which nobody asks for anything: the heap is whole, each block of it is a root's
/// or an answer's, and all figures tell of the same requests.
#[track_caller]
fn assert_exact(status: &Value, blocks_of_roots: u64) {
    assert_eq!(status["heap"]["check"], "whole");
    let answers = number(status, "/cache/answers");
    assert_eq!(number(status, "/heap/blocks"), blocks_of_roots + 3 * answers, "{status:#}");
    let requests = number(status, "/requests");
    let by_status = status["statuses"].as_array().unwrap().iter();
    assert_eq!(by_status.map(|count| count.as_u64().unwrap()).sum::<u64>(), requests);
    assert_eq!(number(status, "/latency/count"), requests);
}
