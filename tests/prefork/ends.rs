//! What is left when processes end, by themselves or by a kill.

use std::fs;
use std::os::unix::fs::symlink;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::request;
use crate::crowd::Crowd;
use crate::server::{Server, eventually};
use crate::{assert_exact, content, directory, number};

/// Kills worker after worker while clients ask for files, which are replaced by others of the same content now and
/// then, and looks at what is left.
fn kill_workers(sizes: &[(&str, usize)], kills: u64, pause: impl Fn(u64) -> Duration) {
    let root = directory(sizes);
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
    // One that is killed before it has done anything is not counted, and each that has answered is.
    let served = crowd.served();
    assert!((kills / 2..=kills + 22).contains(&starts), "{starts} for {kills} kills");
    assert!(served <= starts, "{served} have answered, {starts} have begun");
    assert!(crowd.lost() > 0, "no kill has ever hit a connection");
    eprintln!(
        "{answered} answers of {served} workers; {kills} kills have ended {} connections",
        crowd.lost()
    );
}

#[test]
fn workers_killed_as_they_fill_the_cache_take_nothing_with_them() {
    // More than there is room for, some of them too large for the cache.
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
    let sizes: Vec<_> = names.into_iter().zip((1..).step_by(9_000)).collect();
    // From one that has hardly begun to one that has served many.
    kill_workers(&sizes, 60, |kill| Duration::from_millis(kill * 7 % 40));
}

#[test]
fn workers_killed_as_they_count_leave_no_count_behind() {
    let sizes = [("a", 1), ("b", 2), ("c", 3), ("d", 40)];
    kill_workers(&sizes, 100, |kill| Duration::from_micros(5_000 + kill * 77 % 1_000));
}

#[test]
fn a_hangup_exchanges_the_workers_and_keeps_the_state() {
    let root = directory(&[("file", 1000), ("other", 2000)]);
    let server = Server::with_root(root.path(), &["--workers", "2"]);
    let mut client = server.connect();
    for path in ["/file", "/other", "/file", "/other", "/nothing"] {
        client.get(path);
    }
    let (before, old) = (server.status(), server.workers());
    fs::write(root.file("file"), "new").unwrap();
    // Whoever has begun to ask is answered.
    client.send(b"GET /other HTTP/1.1\r\n").unwrap();
    server.hang_up();
    eventually("the next generation is there", || server.workers().len() > 2);
    client.send(b"Host: a\r\n\r\n").unwrap();
    assert_eq!(client.answer().unwrap().status, 200);
    server.wait_for_workers(2, &old);
    let after = server.status();
    assert_eq!(server.connect().get("/file").body, b"new");
    assert_eq!(number(&after, "/requests"), number(&before, "/requests") + 2);
    assert_eq!(after["cache"]["answers"], before["cache"]["answers"]);
    assert_eq!(number(&after, "/workers/0/generation"), 2);
    // One whose directory is gone stays as it is.
    let elsewhere = directory(&[]);
    let old = server.workers();
    fs::rename(root.path(), elsewhere.file("moved")).unwrap();
    server.hang_up();
    sleep(Duration::from_millis(100));
    assert_eq!(server.workers(), old);
    fs::rename(elsewhere.file("moved"), root.path()).unwrap();
    assert_eq!(server.connect().get("/other").body, content(2000, 1));
}

#[test]
fn a_worker_on_its_way_out_keeps_nothing_for_those_after_it() {
    let [old, new, links] = [(); 3].map(|()| directory(&[]));
    for name in ["file", "other"] {
        fs::write(old.file(name), "old").unwrap();
        fs::write(new.file(name), "new").unwrap();
    }
    let root = links.file("root");
    symlink(old.path(), &root).unwrap();
    let server = Server::with_root(&root, &["--workers", "1"]);
    let mut late = server.connect();
    late.send(b"GET /other HTTP/1.1\r\n").unwrap();
    assert_eq!(server.connect().get("/file").body, b"old");
    fs::remove_file(&root).unwrap();
    symlink(new.path(), &root).unwrap();
    server.hang_up();
    eventually("the next generation answers", || server.connect().get("/file").body == b"new");
    late.send(b"Host: a\r\n\r\n").unwrap();
    assert_eq!(late.answer().unwrap().body, b"old");
    assert_eq!(server.connect().get("/other").body, b"new");
}

#[test]
fn workers_that_there_is_no_place_for_wait_until_others_have_left() {
    let root = directory(&[("file", 10)]);
    let server = Server::with_root(root.path(), &["--workers", "32"]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        // Whose worker stays for a while, as they are not done.
        for _ in 0..100 {
            let mut client = server.connect();
            client.send(b"GET /file HTTP/1.1\r\n").unwrap();
            clients.push(client);
        }
        sleep(Duration::from_millis(300));
        server.hang_up();
        sleep(Duration::from_millis(300));
    }
    drop(clients);
    eventually("the last generation is there", || {
        number(&server.status(), "/workers/0/generation") == 4 && server.workers().len() == 32
    });
    assert_eq!(server.connect().get("/file").status, 200);
    // None was started that had to end at once.
    assert!(number(&server.status(), "/starts") <= 4 * 32);
}

#[test]
fn a_gentle_end_lets_everybody_finish() {
    let root = directory(&[("large", 20 << 20)]);
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
