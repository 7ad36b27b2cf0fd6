//! A worker: one process, one thread, and as many connections as there is room for.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::{self, SocketAddr};
use std::os::unix;
use std::time::Duration;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::{Events, Interest, Poll, Token};

use crate::batch::{Batch, Manner};
use crate::clock::{self, MILLISECOND, SECOND};
use crate::connection::{Connection, Next, Phase};
use crate::counters::{self, Tally};
use crate::desk::Desk;
use crate::service::Service;
use crate::status_code::StatusCode;

const LISTENER: Token = Token(0);
const LIFELINE: Token = Token(1);
const FIRST_CONNECTION: usize = 2;

/// So long a worker that is to end waits for its clients, in seconds.
pub(crate) const GRACE_SECONDS: u64 = 5;

/// The state of a worker.
struct Worker<'a> {
    service: Service<'a>,
    poll: Poll,
    /// None when the worker is to end.
    listener: Option<TcpListener>,
    /// Ends when the master ends, or wants this worker to.
    lifeline: UnixStream,
    may_accept: bool,
    connections: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    /// Those that have more to do, and wait for the others.
    unfinished: VecDeque<usize>,
    desk: Desk,
    next_sweep: u64,
    drain_until: u64,
}

/// Serves until the lifeline ends. Returns the code to exit with.
pub(crate) fn run(
    service: Service<'_>,
    listener: &net::TcpListener,
    lifeline: &unix::net::UnixStream,
) -> io::Result<i32> {
    let mut worker = Worker::new(service, listener.try_clone()?, lifeline.try_clone()?)?;
    let mut events = Events::with_capacity(256);
    while !worker.is_done() {
        let timeout = worker.timeout();
        match worker.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => worker.desk.now = clock::now(),
        }
        events.iter().for_each(|event| worker.take(event));
        worker.accept();
        worker.go_on();
        worker.sweep();
    }
    Ok(0)
}

impl<'a> Worker<'a> {
    const ACCEPTED_AT_ONCE: usize = 8;
    const SWEEP: u64 = 200 * MILLISECOND;

    fn new(
        service: Service<'a>,
        listener: net::TcpListener,
        lifeline: unix::net::UnixStream,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut lifeline = UnixStream::from_std(lifeline);
        poll.registry().register(&mut lifeline, LIFELINE, Interest::READABLE)?;
        let now = clock::now();
        Ok(Self {
            service,
            poll,
            listener: Some(listener),
            lifeline,
            may_accept: true,
            connections: Vec::new(),
            vacant: Vec::new(),
            unfinished: VecDeque::new(),
            desk: Desk::new(now),
            next_sweep: now,
            drain_until: u64::MAX,
        })
    }

    fn is_done(&self) -> bool {
        let is_empty = self.vacant.len() == self.connections.len();
        self.desk.is_draining && (is_empty || self.desk.now > self.drain_until)
    }

    /// How long to wait for something to happen. With nobody to be patient with that is for ever.
    fn timeout(&self) -> Option<Duration> {
        if self.may_accept || !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let until = self.next_sweep.saturating_sub(self.desk.now);
        (self.vacant.len() < self.connections.len()).then(|| Duration::from_nanos(until))
    }

    fn take(&mut self, event: &Event) {
        match event.token() {
            LISTENER => self.may_accept = self.listener.is_some(),
            LIFELINE => self.begin_to_end(),
            Token(token) => {
                let index = token - FIRST_CONNECTION;
                // It may have been closed since, and may be another client by now, who is not harmed.
                if let Some(Some(connection)) = self.connections.get_mut(index) {
                    connection.note(event.is_readable(), event.is_read_closed());
                    self.advance(index);
                }
            }
        }
    }

    /// Accepts some who wait; the others are for the next turn, or for another worker.
    fn accept(&mut self) {
        for _ in 0..Self::ACCEPTED_AT_ONCE {
            let Some(listener) = self.listener.as_ref().filter(|_| self.may_accept) else { return };
            match listener.accept() {
                Ok((stream, peer)) => self.welcome(stream, peer),
                // Who has waited may have gone.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                // Nobody waits. Or there are too many open files: the next sweep tries again.
                Err(_) => self.may_accept = false,
            }
        }
    }

    fn welcome(&mut self, mut stream: TcpStream, peer: SocketAddr) {
        let is_full =
            self.connections.len() - self.vacant.len() >= self.service.settings.connections;
        if is_full {
            return self.turn_away(stream, peer);
        }
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let token = Token(FIRST_CONNECTION + index);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let ready = self.poll.registry().register(&mut stream, token, interest);
        if ready.and_then(|()| stream.set_nodelay(true)).is_err() {
            return self.vacant.push(index);
        }
        let tally = Tally { connections: 1, ..Tally::NONE };
        tally.hand_over(&self.service.shared.counters, 0, self.service.row);
        self.connections[index] = Some(Connection::new(stream, peer.ip(), self.desk.now));
        self.advance(index);
    }

    fn turn_away(&mut self, mut stream: TcpStream, peer: SocketAddr) {
        let mut batch = Batch::new(&mut self.desk.output, peer.ip(), self.desk.now, true);
        batch.refuse(StatusCode::UNAVAILABLE, Manner::LAST, "Retry-After: 1\r\n");
        batch.tally.hand_over(&self.service.shared.counters, 0, self.service.row);
        let _ = stream.write(&self.desk.output);
    }

    fn advance(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        match connection.advance(&mut self.desk, &self.service) {
            Next::Wait => {}
            Next::Again if connection.is_queued => {}
            Next::Again => {
                connection.is_queued = true;
                self.unfinished.push_back(index);
            }
            Next::Close => self.close(index),
        }
    }

    fn close(&mut self, index: usize) {
        // The poller forgets what is closed.
        self.connections[index] = None;
        self.vacant.push(index);
    }

    /// Gives each a turn that has not come to the end of its work.
    fn go_on(&mut self) {
        for _ in 0..self.unfinished.len() {
            let Some(index) = self.unfinished.pop_front() else { break };
            if let Some(connection) = &mut self.connections[index] {
                connection.is_queued = false;
                self.advance(index);
            }
        }
        self.desk.tidy();
    }

    /// Ends connections on which nothing happens.
    fn sweep(&mut self) {
        if self.desk.now < self.next_sweep {
            return;
        }
        self.next_sweep = self.desk.now + Self::SWEEP;
        self.may_accept = self.listener.is_some();
        for index in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[index] else { continue };
            let (phase, since) = connection.phase();
            if self.desk.now.saturating_sub(since)
                < patience(phase, self.desk.is_draining, &self.service)
            {
                continue;
            }
            if phase == Phase::Reading {
                connection.refuse_late(&mut self.desk, &self.service);
                self.advance(index);
            } else {
                self.close(index);
            }
        }
    }

    /// Accepts nobody any more. Who is here gets an answer to what is under way, and to what comes at once.
    fn begin_to_end(&mut self) {
        if let Some(mut listener) = self.listener.take() {
            let _ = self.poll.registry().deregister(&mut listener);
            let _ = self.poll.registry().deregister(&mut self.lifeline);
            self.may_accept = false;
            self.desk.is_draining = true;
            self.drain_until = self.desk.now + GRACE_SECONDS * SECOND;
            self.next_sweep = self.desk.now;
        }
    }
}

/// How long a client may take.
fn patience(phase: Phase, is_draining: bool, service: &Service<'_>) -> u64 {
    let idle = service.settings.idle;
    match phase {
        Phase::Idle if is_draining => SECOND,
        Phase::Idle => idle,
        Phase::Reading => idle.min(10 * SECOND),
        Phase::Sending => 30 * SECOND,
        Phase::Lingering => 5 * SECOND,
    }
}

/// Writes into the counters who this worker is.
pub(crate) fn sign_in(service: &Service<'_>, generation: u32) {
    if let Some(mut counters) = counters::lock(&service.shared.counters) {
        counters.starts += 1;
        counters.workers[service.row] = counters::Worker {
            pid: std::process::id(),
            generation,
            started: clock::now(),
            requests: 0,
            connections: 0,
        };
    }
}
