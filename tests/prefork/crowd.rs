//! `Crowd`: clients that ask without a pause, and know which worker each of their connections has.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::client::{Client, request};
use crate::server::Server;

/// Clients of a server, and what they have seen.
pub(crate) struct Crowd<'a> {
    server: &'a Server,
    /// What is asked for, and has to come.
    files: &'a [(String, Vec<u8>)],
    killed: Mutex<HashSet<i32>>,
    /// Who has answered.
    served: Mutex<HashSet<i32>>,
    is_over: AtomicBool,
    sent: AtomicU64,
    answered: AtomicU64,
    lost: AtomicU64,
}

/// Tells the others that it is over, also if this thread panics.
struct Over<'a>(&'a AtomicBool);

impl<'a> Crowd<'a> {
    pub(crate) fn new(server: &'a Server, files: &'a [(String, Vec<u8>)]) -> Self {
        let [sent, answered, lost] = [const { AtomicU64::new(0) }; 3];
        let (killed, served, is_over) =
            (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Self { server, files, killed, served, is_over, sent, answered, lost }
    }

    /// Has so many clients ask while `body` does something.
    pub(crate) fn run(&self, clients: usize, body: impl FnOnce()) {
        self.is_over.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            for client in 0..clients {
                scope.spawn(move || {
                    let _over = Over(&self.is_over);
                    self.ask(client);
                });
            }
            let _over = Over(&self.is_over);
            body();
        });
    }

    /// Kills a worker.
    pub(crate) fn kill(&self, worker: i32) {
        assert!(!self.is_over.load(Ordering::Relaxed), "a client has given up");
        // Before anybody can see it dead.
        self.killed.lock().unwrap().insert(worker);
        signal::kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    }

    /// How many workers are known to have answered.
    pub(crate) fn served(&self) -> u64 {
        self.served.lock().unwrap().len() as u64
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many connections have ended with their workers.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// How many of the killed are no processes any more. A kill alone ends nobody at once: a worker may still take
    /// a connection after it.
    fn gone(&self) -> usize {
        let is_gone = |worker: &&i32| !Path::new(&format!("/proc/{worker}")).exists();
        self.killed.lock().unwrap().iter().filter(is_gone).count()
    }

    /// Asks until it is over. A connection may end if its worker is killed, and for no other reason.
    fn ask(&self, number: usize) {
        let mut turn = number;
        while !self.is_over.load(Ordering::Relaxed) {
            // None of these gets the connection.
            let gone = self.gone();
            let mut client = self.server.connect();
            let mut worker = None;
            let error = loop {
                if self.is_over.load(Ordering::Relaxed) {
                    return;
                }
                turn += 1;
                if let Err(error) = self.exchange(&mut client, turn) {
                    break error;
                }
                if worker.is_none() {
                    worker = self.worker_of(&client);
                    self.served.lock().unwrap().extend(worker);
                }
            };
            self.lost.fetch_add(1, Ordering::Relaxed);
            let killed = self.killed.lock().unwrap();
            match worker {
                Some(worker) => assert!(killed.contains(&worker), "worker {worker} lives: {error}"),
                None => assert!(killed.len() > gone, "nobody was killed: {error}"),
            }
        }
    }

    /// Asks for some files at once, and compares what comes.
    fn exchange(&self, client: &mut Client, turn: usize) -> io::Result<()> {
        let files = (0..1 + turn % 4).map(|more| &self.files[(turn / 4 + more) % self.files.len()]);
        let requests: String = files.clone().map(|(path, _)| request("GET", path)).collect();
        self.sent.fetch_add(files.len() as u64, Ordering::Relaxed);
        client.send(requests.as_bytes())?;
        for (path, content) in files {
            let answer = client.answer()?;
            assert!(answer.status == 200, "{path}: {}", answer.head);
            assert!(answer.body == *content, "{path}: {} bytes", answer.body.len());
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Who has the other end of a connection, if that is to be found.
    fn worker_of(&self, client: &Client) -> Option<i32> {
        let server_port = self.server.address.rsplit(':').next()?.parse().ok()?;
        let ends = [server_port, client.port()].map(|port: u16| format!(":{port:04X}"));
        let table = fs::read_to_string("/proc/net/tcp").ok()?;
        let inode = table.lines().find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is_it = fields.get(1)?.ends_with(&*ends[0]) && fields.get(2)?.ends_with(&*ends[1]);
            fields.get(9).filter(|_| is_it).map(|inode| format!("socket:[{inode}]"))
        })?;
        self.server.workers().into_iter().find(|worker| {
            let files = fs::read_dir(format!("/proc/{worker}/fd")).into_iter().flatten().flatten();
            files
                .filter_map(|file| fs::read_link(file.path()).ok())
                .any(|link| link.as_os_str() == &*inode)
        })
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
