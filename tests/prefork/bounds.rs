//! What nobody gets more of than there is: time, requests, places and memory.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{Client, request};
use crate::server::{Server, eventually};
use crate::{assert_exact, content, directory, number};

#[test]
fn nobody_is_waited_for_without_end() {
    let server = Server::start(&["--idle", "1"]);
    let begin = Instant::now();
    let mut late = server.connect();
    late.send(b"GET / HTTP/1.1\r\nHo").unwrap();
    let silent = server.connect();
    assert_eq!(late.answer().unwrap().status, 408);
    late.send(b"st: too late\r\n\r\n").unwrap();
    sleep(Duration::from_millis(50));
    assert_eq!(late.rest().unwrap(), b"");
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
    let root = directory(&[("large", 30 << 20), ("small", 100)]);
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
    let root = directory(&sizes);
    let server = Server::with_root(root.path(), &["--heap", "1", "--no-limit"]);
    let blocks = number(&server.status(), "/heap/blocks");
    let mut client = server.connect();
    let get = |client: &mut Client, index: usize| {
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
        assert!((4..33).contains(&answers), "{answers} of all");
        assert!(round == 0 || kept < 33, "{kept}");
    }
}
