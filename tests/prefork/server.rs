//! `Server`: the example as a process of its own, which does not outlive its test.
#![expect(unsafe_code, reason = "calls something between fork and exec")]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::client::Client;

/// The longest that anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A master and its workers, in a process group of their own.
pub(crate) struct Server {
    master: Child,
    pub(crate) address: String,
}

impl Server {
    /// Starts it on a free port, and waits until it says where it is.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments).stdout(Stdio::piped()).process_group(0);
        let end_with_the_test = || Ok(prctl::set_pdeathsig(Signal::SIGKILL)?);
        // SAFETY: what is called is a call of the system.
        unsafe { command.pre_exec(end_with_the_test) };
        let mut master = command.spawn().unwrap();
        let stdout = master.stdout.take().unwrap();
        // From here on it is ended whatever happens.
        let mut server = Self { master, address: String::new() };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        server.address = address.unwrap_or_else(|| panic!("no address: {line:?}")).into();
        server
    }

    /// Starts it with a directory.
    pub(crate) fn with_root(root: &Path, arguments: &[&str]) -> Self {
        Self::start(&[&["--root", root.to_str().unwrap()], arguments].concat())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.address)
    }

    pub(crate) fn status(&self) -> Value {
        let answer = self.connect().get("/status.json");
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.master.id() as i32)
    }

    pub(crate) fn send(&self, signal: Signal) {
        signal::kill(self.pid(), signal).unwrap();
    }

    /// Has it exchange its workers; returns when it knows. Of two signals at a time it would see one.
    pub(crate) fn hang_up(&self) {
        self.send(Signal::SIGHUP);
        let status = format!("/proc/{}/status", self.pid());
        eventually("it takes the signal", || {
            let status = fs::read_to_string(&status).unwrap();
            let pending = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
            u64::from_str_radix(pending.trim(), 16).unwrap() & 1 == 0
        });
    }

    /// The workers that there are now.
    pub(crate) fn workers(&self) -> Vec<i32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Waits until there are so many workers, none of which is in `old`.
    pub(crate) fn wait_for_workers(&self, count: usize, old: &[i32]) -> Vec<i32> {
        let mut workers = Vec::new();
        eventually("there are new workers", || {
            workers = self.workers();
            workers.len() == count && workers.iter().all(|worker| !old.contains(worker))
        });
        workers
    }

    /// Waits for the end of the master, and sees that nobody is left.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the master ends", || {
            status = self.master.try_wait().unwrap();
            status.is_some()
        });
        let group = self.pid();
        eventually("all workers end", || signal::killpg(group, None) == Err(Errno::ESRCH));
        status.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = self.pid();
        let _ = signal::killpg(group, Signal::SIGKILL);
        let _ = self.master.wait();
        // Its workers are nobody's children now.
        let begin = Instant::now();
        while signal::killpg(group, None).is_ok() && begin.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1));
        }
    }
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "in vain: {what}");
        sleep(Duration::from_millis(1));
    }
}

/// The example, built as this test was.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let test = env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).expect("a test lies in target/<profile>/deps");
        let above = profile.parent().unwrap();
        let mut command = Command::new(env!("CARGO"));
        command.args(["build", "--quiet", "--example", "prefork", "--profile"]);
        command.arg(match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        });
        // With `--target` the name of that comes between, which begins with the processor's.
        let triple = above.file_name().and_then(|name| name.to_str()).filter(|name| {
            name.strip_prefix(env::consts::ARCH).is_some_and(|rest| rest.starts_with('-'))
        });
        match triple {
            Some(triple) => {
                command.args(["--target", triple, "--target-dir"]).arg(above.parent().unwrap())
            }
            None => command.arg("--target-dir").arg(above),
        };
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let built = command.args(["--manifest-path", manifest]).status().unwrap();
        assert!(built.success(), "{command:?}: {built}");
        profile.join("examples/prefork")
    })
}
