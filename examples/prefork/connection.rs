//! `Connection`: a client, who may send half a request and take half an answer.
#![forbid(unsafe_code)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::os::unix::fs::FileExt;

use mio::net::TcpStream;

use crate::batch::{Batch, FileBody, Manner};
use crate::clock;
use crate::desk::Desk;
use crate::service::Service;
use crate::status_code::StatusCode;

/// A client. While it has nothing to say and nothing to wait for, it takes no memory but this.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Whether it waits for its next turn.
    pub(crate) is_queued: bool,
    peer: IpAddr,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Whether the client has said that there is no more.
    is_ended: bool,
    /// What has been read and not answered.
    begun: Vec<u8>,
    /// Whether that may be a whole request: it waits for what is before it to be sent.
    is_waiting: bool,
    /// What the client has not taken yet.
    unsent: Vec<u8>,
    file: Option<FileBody>,
    body_left: usize,
    is_last: bool,
    is_lingering: bool,
    has_moved: bool,
    phase: Phase,
    /// When the phase began, in nanoseconds.
    since: u64,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// A request.
    Idle,
    /// The rest of a request.
    Reading,
    /// A client that takes its answer.
    Sending,
    /// The end of a client that has been told to go.
    Lingering,
}

/// What is to be done with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Nothing, until the client does something.
    Wait,
    /// The same again, when others have had their turn.
    Again,
    Close,
}

/// How far the output has gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flushed {
    All,
    Some,
    UntilItTakesMore,
}

impl Connection {
    /// How many reads or pieces of a file make a turn.
    const TURN: usize = 16;

    pub(crate) fn new(stream: TcpStream, peer: IpAddr, now: u64) -> Self {
        let (begun, unsent) = (Vec::new(), Vec::new());
        Self {
            stream,
            is_queued: false,
            peer,
            is_readable: true,
            is_ended: false,
            begun,
            is_waiting: false,
            unsent,
            file: None,
            body_left: 0,
            is_last: false,
            is_lingering: false,
            has_moved: false,
            phase: Phase::Idle,
            since: now,
        }
    }

    /// Notes what the poller says.
    pub(crate) fn note(&mut self, is_readable: bool, is_ended: bool) {
        self.is_readable |= is_readable || is_ended;
        self.is_ended |= is_ended;
    }

    /// Does all that can be done without waiting.
    pub(crate) fn advance(&mut self, desk: &mut Desk, service: &Service<'_>) -> Next {
        // Whatever is wrong with it, there is nobody to be told.
        let next = self.take_turn(desk, service).unwrap_or(Next::Close);
        self.phase = self.next_phase(desk.now);
        next
    }

    /// What is waited for, and since when.
    pub(crate) fn phase(&self) -> (Phase, u64) {
        (self.phase, self.since)
    }

    /// Has a client told that it has taken too long, by its next turn.
    pub(crate) fn refuse_late(&mut self, desk: &mut Desk, service: &Service<'_>) {
        let mut batch = Batch::new(&mut desk.output, self.peer, desk.now, true);
        batch.refuse(StatusCode::REQUEST_TIMEOUT, Manner::LAST, "");
        let taken = desk.now - self.since;
        batch.tally.hand_over(&service.shared.counters, taken, service.row);
        self.unsent.extend_from_slice(&desk.output);
        self.is_last = true;
    }

    fn take_turn(&mut self, desk: &mut Desk, service: &Service<'_>) -> io::Result<Next> {
        for _ in 0..Self::TURN {
            match self.flush(desk)? {
                Flushed::All => {}
                Flushed::Some => return Ok(Next::Again),
                Flushed::UntilItTakesMore => return Ok(Next::Wait),
            }
            if self.is_last {
                return self.finish(desk);
            }
            let Some(bytes) = self.fill(desk)? else { return Ok(Next::Wait) };
            self.serve(bytes, desk, service)?;
        }
        Ok(Next::Again)
    }

    /// Brings together what was begun and what the client has sent since, on the desk.
    fn fill(&mut self, desk: &mut Desk) -> io::Result<Option<usize>> {
        let (begun, room) = desk.input.split_at_mut(self.begun.len());
        if self.is_waiting {
            begun.copy_from_slice(&self.begun);
            return Ok(Some(begun.len()));
        }
        if !self.is_readable {
            return Ok(None);
        }
        match retry(|| self.stream.read(room))? {
            None => {
                self.is_readable = false;
                Ok(None)
            }
            Some(0) => Err(ErrorKind::UnexpectedEof.into()),
            Some(bytes) => {
                begun.copy_from_slice(&self.begun);
                // Had there been more it would have come, too. An end that came with it is not told twice.
                self.is_readable = bytes == room.len() || self.is_ended;
                Ok(Some(begun.len() + bytes))
            }
        }
    }

    /// Answers what lies on the desk, and sends the answers, as far as the client takes them.
    fn serve(&mut self, bytes: usize, desk: &mut Desk, service: &Service<'_>) -> io::Result<()> {
        let start = clock::now();
        let skipped = bytes.min(self.body_left);
        self.body_left -= skipped;
        let mut batch = Batch::new(&mut desk.output, self.peer, start, desk.is_draining);
        let done = skipped + service.answer(&desk.input[skipped..bytes], &mut batch);
        let rest = &desk.input[done..bytes];
        self.is_waiting = !rest.is_empty() && !batch.has_room();
        self.is_last |= batch.is_last;
        self.body_left += batch.body_left;
        self.file = batch.file.take();
        desk.now = clock::now();
        if batch.tally.requests > 0 {
            // Before the client can know of it: so no answer is ever missing in the counters.
            batch.tally.hand_over(&service.shared.counters, desk.now - start, service.row);
            self.has_moved = true;
        }
        self.begun.clear();
        self.begun.extend_from_slice(rest);
        if rest.is_empty() {
            self.begun = Vec::new();
        }
        let sent = write(&mut self.stream, &desk.output)?;
        self.unsent.extend_from_slice(&desk.output[sent..]);
        Ok(())
    }

    /// Sends what is left.
    fn flush(&mut self, desk: &mut Desk) -> io::Result<Flushed> {
        if !self.unsent.is_empty() {
            let sent = write(&mut self.stream, &self.unsent)?;
            self.has_moved |= sent > 0;
            self.unsent.drain(..sent);
            if !self.unsent.is_empty() {
                return Ok(Flushed::UntilItTakesMore);
            }
            self.unsent = Vec::new();
        }
        for _ in 0..Self::TURN {
            let Some(body) = &mut self.file else { return Ok(Flushed::All) };
            let left = usize::try_from(body.end - body.next).unwrap_or(usize::MAX);
            let bytes = left.min(desk.piece.len());
            let read = body.file.read_at(&mut desk.piece[..bytes], body.next)?;
            if read == 0 {
                // It is shorter than the head has said: only the end of the connection tells.
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let sent = write(&mut self.stream, &desk.piece[..read])?;
            self.has_moved |= sent > 0;
            body.next += sent as u64;
            if body.next == body.end {
                self.file = None;
            } else if sent < read {
                return Ok(Flushed::UntilItTakesMore);
            }
        }
        Ok(if self.file.is_none() { Flushed::All } else { Flushed::Some })
    }

    /// Ends the connection, but not before the client does or has had time to: what it sends meanwhile, which
    /// may be on its way already, would be answered by a reset in place of what it has been told.
    fn finish(&mut self, desk: &mut Desk) -> io::Result<Next> {
        if !self.is_lingering {
            self.stream.shutdown(Shutdown::Write)?;
            self.is_lingering = true;
        }
        for _ in 0..Self::TURN {
            match retry(|| self.stream.read(&mut desk.input))? {
                None => return Ok(Next::Wait),
                Some(0) => return Ok(Next::Close),
                Some(_) => {}
            }
        }
        Ok(Next::Again)
    }

    fn next_phase(&mut self, now: u64) -> Phase {
        let phase = if self.is_lingering {
            Phase::Lingering
        } else if !self.unsent.is_empty() || self.file.is_some() {
            Phase::Sending
        } else if !self.begun.is_empty() || self.body_left > 0 {
            Phase::Reading
        } else {
            Phase::Idle
        };
        if phase != self.phase || self.has_moved {
            (self.since, self.has_moved) = (now, false);
        }
        phase
    }
}

/// Writes what the client takes now, and says how much that is.
fn write(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<usize> {
    let all = bytes.len();
    while !bytes.is_empty() {
        match retry(|| stream.write(bytes))? {
            None => break,
            Some(0) => return Err(ErrorKind::WriteZero.into()),
            Some(sent) => bytes = &bytes[sent..],
        }
    }
    Ok(all - bytes.len())
}

/// Calls it until it is not interrupted; none if it would have to wait.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
