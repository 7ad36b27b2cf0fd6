//! What the server of `examples/prefork` promises: to clients, and whatever happens to its workers.
#![cfg(target_os = "linux")]
// There it is built with nothing of that, or not at all.
#![cfg(not(any(asan, aquifer_in_slab)))]

#[path = "prefork/client.rs"]
mod client;
#[path = "prefork/crowd.rs"]
mod crowd;
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

use std::fs;
use std::os::unix::fs::symlink;
use std::thread::sleep;
use std::time::{Duration, Instant};

use client::{Answer, request};
use crowd::Crowd;
use nix::sys::signal::Signal;
use scratch::Scratch;
use serde_json::Value;
use server::{PATIENCE, Server, eventually};

/// Bytes that tell their place, and their file.
fn content(bytes: usize, seed: usize) -> Vec<u8> {
    (0..bytes).map(|place| ((place / 7) ^ (place >> 9) ^ (seed * 31)) as u8).collect()
}

/// A directory with a file of each size, by name.
fn site(sizes: &[(&str, usize)]) -> Scratch {
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

#[test]
fn files_and_pages_come_byte_for_byte() {
    let sizes = [("empty", 0), ("small.txt", 1000), ("large", 5 << 20), ("index.html", 3000)];
    let root = site(&sizes);
    fs::create_dir(root.file("more")).unwrap();
    fs::write(root.file("more/index.html"), "more").unwrap();
    let server = Server::with_root(root.path(), &[]);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    for _ in 0..3 {
        for (seed, (name, bytes)) in sizes.iter().enumerate() {
            let mut answer = agent.get(server.url(&format!("/{name}"))).call().unwrap();
            let body = answer.body_mut().with_config().limit(10 << 20).read_to_vec().unwrap();
            assert!(body == content(*bytes, seed), "{name}");
        }
        let mut index = agent.get(server.url("/more")).call().unwrap();
        assert_eq!(index.body_mut().read_to_string().unwrap(), "more", "it has moved");
    }
    let status = server.status();
    let letters = agent.get(server.url("/bytes?count=100")).call().unwrap();
    assert_eq!(letters.headers()["content-length"], "100");
    let page =
        agent.get(server.url("/request?a=%3Cb%3E")).call().unwrap().body_mut().read_to_string();
    assert!(page.unwrap().contains("&#60;b&#62;"));
    // One for all of that, and one for the status itself.
    assert_eq!(number(&status, "/connections"), 2);
    assert_eq!(number(&status, "/cache/misses"), 4, "{status:#}");
    assert_eq!(number(&status, "/cache/hits"), 8);
}

#[test]
fn a_head_is_that_of_the_answer() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for path in ["/", "/style.css", "/status", "/bytes?count=70000", "/nothing"] {
        let got = client.get(path);
        client.send(request("HEAD", path).as_bytes()).unwrap();
        let head = client.answer_to_head().unwrap();
        let first = |answer: &Answer| answer.head.lines().next().map(str::to_owned);
        assert_eq!(first(&head), first(&got));
        if path != "/status" {
            assert_eq!(head.head, got.head);
        }
    }
}

#[test]
fn requests_may_come_all_at_once_or_byte_by_byte() {
    let server = Server::start(&["--no-limit"]);
    let mut client = server.connect();
    let paths = ["/", "/how.html", "/bytes?count=30000", "/nothing", "/style.css"];
    let expected = paths.map(|path| client.get(path));
    // More than fits into any buffer on the way.
    let all: String = paths.iter().cycle().take(1000).map(|path| request("GET", path)).collect();
    let mut sender = server.connect();
    sender.send(all.as_bytes()).unwrap();
    for index in 0..1000 {
        assert!(sender.answer().unwrap() == expected[index % 5], "answer {index}");
    }
    for byte in request("GET", "/how.html").bytes() {
        client.send(&[byte]).unwrap();
    }
    assert!(client.answer().unwrap() == expected[1]);
    // What a client says besides is passed over.
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234").unwrap();
    sleep(Duration::from_millis(20));
    client.send(&[b"56789", request("GET", "/style.css").as_bytes()].concat()).unwrap();
    assert!(client.answer().unwrap() == expected[0]);
    assert!(client.answer().unwrap() == expected[4]);
}

#[test]
fn nobody_gets_out_of_the_directory() {
    let outside = site(&[("secret", 10)]);
    let root = site(&[("file", 10), ("a b+%", 20)]);
    symlink(outside.file("secret"), root.file("out")).unwrap();
    symlink(outside.path(), root.file("outside")).unwrap();
    symlink(root.file("file"), root.file("in")).unwrap();
    fs::create_dir(root.file("empty")).unwrap();
    let server = Server::with_root(root.path(), &[]);
    let up = "../".repeat(20);
    let secret = outside.file("secret");
    let secret = secret.to_str().unwrap();
    let encoded = up.replace("../", "%2e%2E%2f");
    let status = |path: &str| server.connect().get(path).status;
    for path in ["/file", "/in", "/./file", "//file", "/x/../file", "/%66ile", "/a%20b+%25"] {
        assert_eq!(status(path), 200, "{path}");
    }
    for path in ["/out", "/outside/secret", "/empty/", "/file/", "/file/x", "//etc/passwd"] {
        assert_eq!(status(path), 404, "{path}");
    }
    for path in [format!("/{up}{secret}"), format!("/{encoded}{secret}"), "/..".into()] {
        assert_eq!(status(&path), 400, "{path}");
    }
    for path in ["/%00", "/file%00.html", "/%", "/%f", "/%zz", "/%ff", "file", "*"] {
        assert_eq!(status(path), 400, "{path}");
    }
    assert_eq!(status("/empty"), 301);
}

#[test]
fn who_asks_badly_is_told_what_is_wrong() {
    let server = Server::start(&[]);
    let many = "X: y\r\n".repeat(100);
    let long = "x".repeat(9000);
    let ends = |head: &str| head.contains("Connection: close");
    let cases: &[(u16, &str, String)] = &[
        (400, "no words", "nonsense\r\n\r\n".into()),
        (400, "no host", "GET / HTTP/1.1\r\n\r\n".into()),
        (400, "two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into()),
        (400, "no length", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".into()),
        (
            400,
            "two lengths",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into(),
        ),
        (400, "a space in a name", "GET / HTTP/1.1\r\nHo st: a\r\n\r\n".into()),
        (
            413,
            "a large body",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n".into(),
        ),
        (
            413,
            "a body beyond numbers",
            format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", "9".repeat(40)),
        ),
        (431, "a long header", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n")),
        (431, "an endless header", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}")),
        (431, "many headers", format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n")),
        (501, "chunks", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        (505, "another version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n".into()),
    ];
    for (status, what, bytes) in cases {
        let mut client = server.connect();
        client.send(bytes.as_bytes()).unwrap();
        let answer = client.answer().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(answer.status, *status, "{what}");
        assert!(ends(&answer.head), "{what}");
        assert_eq!(client.rest().unwrap(), b"", "{what}");
    }
    // These are understood, and the connection stays; but for the last one, as it asks.
    let mut client = server.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    let answer = client.answer().unwrap();
    assert_eq!((answer.status, answer.head.contains("Allow: GET, HEAD")), (405, true));
    assert_eq!(client.get("/bytes?count=10000000").status, 503, "more than its pool may have");
    assert_eq!(client.get("/bytes?count=-1").status, 400);
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(ends(&client.answer().unwrap().head));
    assert_eq!(client.rest().unwrap(), b"");
    let mut client = server.connect();
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(client.answer().unwrap().head.contains("Connection: keep-alive"));
    assert!(ends(&client.answer().unwrap().head));
    assert_eq!(client.rest().unwrap(), b"");
}

#[test]
fn nobody_is_waited_for_without_end() {
    let server = Server::start(&["--idle", "1"]);
    let begin = Instant::now();
    let mut late = server.connect();
    late.send(b"GET / HTTP/1.1\r\nHo").unwrap();
    let silent = server.connect();
    assert_eq!(late.answer().unwrap().status, 408);
    assert_eq!(silent.rest().unwrap(), b"");
    assert!(begin.elapsed() > Duration::from_millis(900));
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn who_asks_too_fast_is_told_so() {
    let server = Server::start(&["--rate", "20/s", "--burst", "9", "--workers", "2"]);
    let begin = Instant::now();
    let (mut answered, mut refused) = (0, 0);
    for pause in [0, 250, 100] {
        sleep(Duration::from_millis(pause));
        // Each connection may be another worker's: the bucket is one.
        let mut clients = [server.connect(), server.connect(), server.connect()];
        for index in 0..90 {
            match clients[index % 3].get("/").status {
                200 => answered += 1,
                429 => refused += 1,
                other => panic!("{other}"),
            }
        }
    }
    let at_most = 10 + (begin.elapsed().as_secs_f64() * 20.0).ceil() as u64;
    assert!((17..=at_most).contains(&answered), "{answered} of {at_most}");
    let status = server.status();
    assert_eq!(number(&status, "/limited"), refused);
    assert_eq!(number(&status, "/requests"), 270);
}

#[test]
fn who_comes_when_all_places_are_taken_is_turned_away() {
    let server = Server::start(&["--workers", "1", "--connections", "2"]);
    let mut first = [server.connect(), server.connect()];
    first.iter_mut().for_each(|client| assert_eq!(client.get("/").status, 200));
    assert_eq!(server.connect().answer().unwrap().status, 503);
    drop(first);
    eventually("there is a place again", || {
        let mut client = server.connect();
        client
            .send(request("GET", "/").as_bytes())
            .is_ok_and(|()| client.answer().is_ok_and(|answer| answer.status == 200))
    });
}

#[test]
fn a_slow_reader_keeps_nobody_waiting_and_gets_all() {
    let root = site(&[("large", 30 << 20), ("small", 100)]);
    let server = Server::with_root(root.path(), &["--workers", "1"]);
    let mut slow = server.connect();
    let both = request("GET", "/large") + &request("GET", "/small");
    slow.send(both.as_bytes()).unwrap();
    let mut begun = slow.read_some(100);
    let mut quick = server.connect();
    for _ in 0..100 {
        assert_eq!(quick.get("/small").body, content(100, 1));
    }
    slow.send(b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    begun.extend(slow.rest().unwrap());
    let body = begun.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (large, rest) = begun[body..].split_at(30 << 20);
    assert!(large == content(30 << 20, 0));
    assert_eq!(rest.windows(100).filter(|window| *window == content(100, 1)).count(), 2);
}

#[test]
fn a_full_heap_has_room_for_what_is_asked_for_last() {
    let names: Vec<String> = (0..33).map(|index| index.to_string()).collect();
    let bytes = |index: usize| 1 + index * 4000;
    let sizes: Vec<_> = names.iter().enumerate().map(|(n, name)| (&**name, bytes(n))).collect();
    // Twice what there is room for, in pieces of many sizes.
    let root = site(&sizes);
    let server = Server::with_root(root.path(), &["--heap", "1", "--no-limit"]);
    let blocks = number(&server.status(), "/heap/blocks");
    let mut client = server.connect();
    let get = |client: &mut client::Client, index: usize| {
        let hits = number(&server.status(), "/cache/hits");
        let answer = client.get(&format!("/{index}"));
        assert!(answer.body == content(bytes(index), index), "{index}");
        number(&server.status(), "/cache/hits") > hits
    };
    get(&mut client, 7);
    for round in 0..4 {
        let mut kept = 0;
        for step in 0..33 {
            let index = step * (round + 1) % 33;
            kept += u32::from(get(&mut client, index));
            assert!(get(&mut client, index), "{index} was asked for just now");
            assert!(get(&mut client, 7), "it is asked for all the time");
        }
        let status = server.status();
        assert_exact(&status, blocks);
        let answers = number(&status, "/cache/answers");
        assert!((8..33).contains(&answers), "{answers} of all");
        assert!(round == 0 || kept < 33, "{kept}");
    }
}

/// Kills worker after worker while clients ask for files, which are replaced by others of the same content now and
/// then, and looks at what is left.
fn kill_workers(sizes: &[(&str, usize)], kills: u64, pause: impl Fn(u64) -> Duration) {
    let root = site(sizes);
    let arguments = ["--workers", "2", "--heap", "1", "--rate", "1000000000"];
    let server = Server::with_root(root.path(), &arguments);
    let blocks = number(&server.status(), "/heap/blocks");
    let file = |(seed, (name, bytes)): (usize, &(&str, usize))| {
        (format!("/{name}"), content(*bytes, seed))
    };
    let files: Vec<_> = sizes.iter().enumerate().map(file).collect();
    let crowd = Crowd::new(&server, &files);
    crowd.run(5, || {
        let mut last = 0;
        for kill in 0..kills {
            let workers = server.wait_for_workers(2, &[last]);
            sleep(pause(kill));
            last = workers[kill as usize % 2];
            crowd.kill(last);
            let (path, bytes) = &files[kill as usize % files.len()];
            fs::write(root.file("new"), bytes).unwrap();
            fs::rename(root.file("new"), root.file(&path[1..])).unwrap();
        }
        server.wait_for_workers(2, &[last]);
    });
    // Nobody is left who could tidy up after the others.
    for _ in 0..10 {
        let workers = server.workers();
        crowd.run(3, || {
            sleep(Duration::from_millis(10));
            workers.iter().for_each(|worker| crowd.kill(*worker));
        });
        server.wait_for_workers(2, &workers);
        assert_exact(&server.status(), blocks);
    }
    let status = server.status();
    assert_exact(&status, blocks);
    // Each status is counted but the last one, which is not yet.
    let (answered, sent) = (crowd.answered() + 11, crowd.sent() + 11);
    let (counted, starts) = (number(&status, "/requests"), number(&status, "/starts"));
    assert!((answered..=sent).contains(&counted), "{answered} ≤ {counted} ≤ {sent}");
    // One that is killed before it has done anything is not counted.
    assert!((kills / 2..=kills + 22).contains(&starts), "{starts} for {kills} kills");
    assert!(crowd.lost() > 0, "no kill has ever hit a connection");
    eprintln!("{answered} answers; {kills} kills have ended {} connections", crowd.lost());
}

#[test]
fn workers_killed_as_they_fill_the_cache_take_nothing_with_them() {
    // More than there is room for, some of them too large for the cache.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let sizes: Vec<_> = names.into_iter().zip((1..).step_by(9_000)).collect();
    // From one that has hardly begun to one that has served many.
    kill_workers(&sizes, 100, |kill| Duration::from_millis(kill * 7 % 40));
}

#[test]
fn workers_killed_as_they_count_leave_no_count_behind() {
    let sizes = [("a", 1), ("b", 2), ("c", 3), ("d", 40)];
    kill_workers(&sizes, 200, |kill| Duration::from_micros(5_000 + kill * 77 % 1_000));
}

#[test]
fn a_hangup_exchanges_the_workers_and_keeps_the_state() {
    let root = site(&[("file", 1000), ("other", 2000)]);
    let server = Server::with_root(root.path(), &["--workers", "2"]);
    let mut client = server.connect();
    for path in ["/file", "/other", "/file", "/other", "/nothing"] {
        client.get(path);
    }
    let (before, old) = (server.status(), server.workers());
    fs::write(root.file("file"), "new").unwrap();
    server.send(Signal::SIGHUP);
    // Who is connected is still answered, once more at least.
    assert_eq!(client.get("/other").status, 200);
    server.wait_for_workers(2, &old);
    let after = server.status();
    assert_eq!(server.connect().get("/file").body, b"new");
    assert_eq!(number(&after, "/requests"), number(&before, "/requests") + 2);
    assert_eq!(after["cache"]["answers"], before["cache"]["answers"]);
    assert_eq!(number(&after, "/workers/0/generation"), 2);
    // One whose directory is gone stays as it is.
    let elsewhere = site(&[]);
    let old = server.workers();
    fs::rename(root.path(), elsewhere.file("moved")).unwrap();
    server.send(Signal::SIGHUP);
    sleep(Duration::from_millis(100));
    assert_eq!(server.workers(), old);
    fs::rename(elsewhere.file("moved"), root.path()).unwrap();
    assert_eq!(server.connect().get("/other").body, content(2000, 1));
}

#[test]
fn a_gentle_end_lets_everybody_finish() {
    let root = site(&[("large", 20 << 20)]);
    let mut server = Server::with_root(root.path(), &[]);
    let mut idle = server.connect();
    assert_eq!(idle.get("/nothing").status, 404);
    let mut slow = server.connect();
    slow.send(request("GET", "/large").as_bytes()).unwrap();
    let begun = slow.read_some(10);
    server.send(Signal::SIGTERM);
    sleep(Duration::from_millis(100));
    let rest = slow.rest().unwrap();
    assert!(begun.len() + rest.len() > 20 << 20);
    assert!(rest.ends_with(&content(20 << 20, 0)[19 << 20..]));
    assert_eq!(idle.rest().unwrap(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn workers_do_not_outlive_their_master() {
    let mut server = Server::start(&["--workers", "2"]);
    server.wait_for_workers(2, &[]);
    assert_eq!(server.connect().get("/").status, 200);
    server.send(Signal::SIGKILL);
    assert_eq!(server.wait().code(), None);
}
