//! The master: forks the workers, and others in the place of those that die. It serves nobody itself.
#![expect(unsafe_code, reason = "forks")]

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;

use aquifer::Worker;
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::alarm;

use crate::arguments::Settings;
use crate::clock;
use crate::counters::MAX_WORKERS;
use crate::service::Service;
use crate::shared::Shared;
use crate::site::Site;
use crate::worker::{self, GRACE_SECONDS};

/// What the master knows. It has one thread of its own, as it forks.
pub(crate) struct Master {
    settings: Settings,
    shared: Shared,
    listener: TcpListener,
    signals: SigSet,
    generation: Generation,
    children: Vec<Child>,
    is_stopping: bool,
}

/// Workers that serve the same state of the site.
struct Generation {
    number: u32,
    site: Site,
    opened: u64,
    /// Held by the master alone: when it is closed, or the master dies, the workers see the other end closed.
    lifeline: Option<UnixStream>,
    workers_end: UnixStream,
}

#[derive(Debug)]
struct Child {
    worker: Worker,
    generation: u32,
    row: usize,
}

impl Master {
    pub(crate) fn new(settings: Settings) -> Result<Self, Box<dyn Error>> {
        let signals =
            [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM];
        let signals: SigSet = signals.into_iter().collect();
        // For the workers, too: those are told by their lifeline.
        signals.thread_block()?;
        let shared = Shared::create(settings.heap_bytes)?;
        let generation = Generation::open(&settings, &shared, 1)?;
        let listener = TcpListener::bind(settings.listen)
            .map_err(|error| format!("{}: {error}", settings.listen))?;
        listener.set_nonblocking(true)?;
        let (children, is_stopping) = (Vec::new(), false);
        Ok(Self { settings, shared, listener, signals, generation, children, is_stopping })
    }

    /// The address to visit.
    pub(crate) fn address(&self) -> io::Result<String> {
        Ok(format!("http://{}/", self.listener.local_addr()?))
    }

    /// Runs until a signal says that it is to end.
    pub(crate) fn run(&mut self) -> Result<(), Errno> {
        self.fill_up();
        while !(self.is_stopping && self.children.is_empty()) {
            match self.signals.wait()? {
                Signal::SIGCHLD => self.bury(),
                Signal::SIGHUP => self.reload(),
                Signal::SIGALRM if self.is_stopping => self.kill_all(),
                Signal::SIGALRM => self.fill_up(),
                // The second time, or by somebody without patience.
                _ if self.is_stopping => self.kill_all(),
                _ => self.stop(),
            }
        }
        Ok(())
    }

    /// Forks until there are as many workers as there should be.
    fn fill_up(&mut self) {
        let current = self.generation.number;
        let is_current = |child: &&Child| child.generation == current;
        while self.children.iter().filter(is_current).count() < self.settings.workers {
            match self.fork() {
                Ok(child) => self.children.push(child),
                Err(error) => {
                    eprintln!("prefork: cannot fork: {error}");
                    alarm::set(1);
                    return;
                }
            }
        }
    }

    fn fork(&mut self) -> io::Result<Child> {
        let is_taken = |row: &usize| self.children.iter().any(|child| child.row == *row);
        let row = (0..MAX_WORKERS).find(|row| !is_taken(row));
        let row = row.ok_or_else(|| io::Error::other("too many workers are on their way out"))?;
        let Self { settings, shared, listener, generation, .. } = self;
        let number = generation.number;
        let work = || {
            // This end is the master's alone.
            generation.lifeline = None;
            let Generation { site, opened, workers_end, .. } = &*generation;
            let generation = number;
            let service = Service { settings, shared, site, generation, opened: *opened, row };
            worker::sign_in(&service, number);
            worker::run(service, listener, workers_end).unwrap_or_else(|error| {
                eprintln!("prefork: worker {row}: {error}");
                1
            })
        };
        // SAFETY: the master has one thread, but for aquifer's own, which holds nothing; and a worker owns nothing in the heap that it has inherited: it
        // finds all that is there by roots.
        let worker = unsafe { shared.heap.fork_worker(work) }?;
        Ok(Child { worker, generation: number, row })
    }

    /// Takes note of those that have died, and forks others in their place.
    fn bury(&mut self) {
        let mut has_failed = false;
        self.children.retain_mut(|child| {
            let code = match child.worker.try_wait() {
                Ok(None) => return true,
                Ok(Some(end)) => end.code(),
                Err(_) => None,
            };
            // Who is killed has no code, and has not failed.
            has_failed |= code.is_some_and(|code| code != 0);
            false
        });
        // What the dead have left in the heap: others would find it when they need it, too.
        self.shared.heap.reap();
        if self.is_stopping {
            return;
        }
        if has_failed {
            // One that cannot start would fail again at once.
            alarm::set(1);
        } else {
            self.fill_up();
        }
    }

    /// Has new workers serve what is in the directory now, and the old ones finish. What is in the heap stays.
    fn reload(&mut self) {
        if self.is_stopping {
            return;
        }
        match Generation::open(&self.settings, &self.shared, self.generation.number + 1) {
            Ok(next) => {
                // The old lifeline is closed here, before others are forked who would hold it open.
                self.generation = next;
                self.fill_up();
            }
            Err(error) => eprintln!("prefork: all stays as it is: {error}"),
        }
    }

    fn stop(&mut self) {
        self.is_stopping = true;
        self.generation.lifeline = None;
        alarm::set(GRACE_SECONDS as u32 + 1);
    }

    fn kill_all(&mut self) {
        for child in &mut self.children {
            // One that has ended meanwhile is buried next.
            let _ = child.worker.kill();
        }
    }
}

impl Generation {
    fn open(settings: &Settings, shared: &Shared, number: u32) -> io::Result<Self> {
        let site = Site::open(settings.root.as_deref())?;
        let (lifeline, workers_end) = UnixStream::pair()?;
        workers_end.set_nonblocking(true)?;
        // Whoever is older keeps nothing that he has looked at after the clock is read.
        shared.generation.store(number, Ordering::SeqCst);
        Ok(Self { number, site, opened: clock::now(), lifeline: Some(lifeline), workers_end })
    }
}
