//! What comes of a request, good or bad.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread::sleep;
use std::time::Duration;

use crate::client::{Answer, request};
use crate::server::{PATIENCE, Server, eventually};
use crate::{content, directory, number};

#[test]
fn files_and_pages_come_byte_for_byte() {
    let sizes = [("empty", 0), ("small.txt", 1000), ("large", 5 << 20), ("index.html", 3000)];
    let root = directory(&sizes);
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
    let server = Server::start(&["--no-limit", "--idle", "60"]);
    let mut client = server.connect();
    let paths = ["/", "/how.html", "/bytes?count=200000", "/nothing", "/style.css"];
    let expected = paths.map(|path| client.get(path));
    // More than fits into any buffer on the way.
    let all: String = paths.iter().cycle().take(1000).map(|path| request("GET", path)).collect();
    let mut sender = server.connect();
    sender.send(all.as_bytes()).unwrap();
    sleep(Duration::from_millis(500));
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
    let outside = directory(&[("secret", 10)]);
    let root = directory(&[("file", 10), ("a b+%", 20)]);
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
    for path in
        ["/%00", "/file%00.html", "/%", "/%f", "/%zz", "/%ff", "file", "*", "/\\x/..%2fempty"]
    {
        assert_eq!(status(path), 400, "{path}");
    }
    assert_eq!(status("/empty"), 301);
}

#[test]
fn a_file_that_claims_to_be_as_old_as_before_is_read_again() {
    let root = directory(&[]);
    fs::write(root.file("file"), "one").unwrap();
    let server = Server::with_root(root.path(), &[]);
    assert_eq!(server.connect().get("/file").body, b"one");
    let written = fs::metadata(root.file("file")).unwrap().modified().unwrap();
    fs::write(root.file("file"), "two").unwrap();
    let file = fs::File::options().write(true).open(root.file("file")).unwrap();
    file.set_modified(written).unwrap();
    eventually("it is compared", || server.connect().get("/file").body == b"two");
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
    // Who goes on sending is listened to for a while, lest a reset overtakes the answer.
    for is_told_first in [false, true] {
        let mut client = server.connect();
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n").unwrap();
        let told = is_told_first.then(|| client.answer().unwrap());
        client.send(&[b'x'; 500_000]).unwrap();
        sleep(Duration::from_millis(50));
        client.send(&[b'x'; 500_000]).unwrap();
        assert_eq!(told.unwrap_or_else(|| client.answer().unwrap()).status, 413);
        assert_eq!(client.rest().unwrap(), b"");
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
