//! `Batch`: the answers to all that one read has brought, to be sent by one write.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::net::IpAddr;

use crate::counters::Tally;
use crate::media_type;
use crate::status_code::StatusCode;

/// Answers, one behind another, and what is to become of the connection.
pub(crate) struct Batch<'w> {
    pub(crate) output: &'w mut Vec<u8>,
    pub(crate) tally: Tally,
    pub(crate) peer: IpAddr,
    /// When it was begun, in nanoseconds.
    pub(crate) now: u64,
    /// What comes behind the output.
    pub(crate) file: Option<FileBody>,
    /// The bytes of a request's body that have not come yet. Nobody wants them.
    pub(crate) body_left: usize,
    /// Whether the connection ends behind it.
    pub(crate) is_last: bool,
    /// Whether the worker is to end: so does each connection.
    pub(crate) is_draining: bool,
}

/// The part of a file that has not been sent yet.
#[derive(Debug)]
pub(crate) struct FileBody {
    pub(crate) file: File,
    pub(crate) next: u64,
    pub(crate) end: u64,
}

/// How an answer is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) is_old: bool,
    pub(crate) keep_alive: bool,
    /// Whether the head is all of it.
    pub(crate) is_head: bool,
}

impl Manner {
    /// For a request that nobody could read.
    pub(crate) const LAST: Self = Self { is_old: false, keep_alive: false, is_head: false };
}

impl<'w> Batch<'w> {
    /// So much output is sent before more requests are answered.
    const ENOUGH: usize = 64 << 10;

    pub(crate) fn new(output: &'w mut Vec<u8>, peer: IpAddr, now: u64, is_draining: bool) -> Self {
        output.clear();
        let (tally, file, body_left, is_last) = (Tally::NONE, None, 0, false);
        Self { output, tally, peer, now, file, body_left, is_last, is_draining }
    }

    /// Whether another request may be answered.
    pub(crate) fn has_room(&self) -> bool {
        let is_open = !self.is_last && self.file.is_none() && self.body_left == 0;
        is_open && self.output.len() < Self::ENOUGH
    }

    /// Sends a head, which lacks what it says of the connection, and a body.
    pub(crate) fn send(&mut self, manner: Manner, head: &[u8], body: &[u8]) {
        let before = self.output.len();
        self.output.reserve(head.len() + 32 + body.len());
        self.output.extend_from_slice(head);
        self.output.extend_from_slice(match (manner.keep_alive, manner.is_old) {
            (true, false) => b"\r\n",
            (true, true) => b"Connection: keep-alive\r\n\r\n",
            (false, _) => b"Connection: close\r\n\r\n",
        });
        if !manner.is_head {
            self.output.extend_from_slice(body);
        }
        self.is_last |= !manner.keep_alive;
        self.tally.bytes += (self.output.len() - before) as u64;
    }

    /// Sends a file behind its head.
    pub(crate) fn send_file(&mut self, manner: Manner, head: &[u8], file: File, bytes: u64) {
        self.send(manner, head, &[]);
        if !manner.is_head && bytes > 0 {
            self.tally.bytes += bytes;
            self.file = Some(FileBody { file, next: 0, end: bytes });
        }
    }

    /// Sends a page that says what is wrong. It needs nothing of a pool, which may be what is used up.
    pub(crate) fn refuse(&mut self, status: StatusCode, manner: Manner, extra: &str) {
        let (number, reason) = (status.number(), status.reason());
        // Three digits, and the reason twice.
        let length = "<!doctype html><title></title><h1>200 </h1>\n".len() + 2 * reason.len();
        let keep_alive = manner.keep_alive && !status.ends_the_connection();
        let before = self.output.len();
        // A vector takes whatever it is given.
        let _ = write!(
            self.output,
            "HTTP/1.1 {number} {reason}\r\nServer: aquifer\r\nContent-Type: {}\r\n\
             Content-Length: {length}\r\n{extra}",
            media_type::HTML,
        );
        self.tally.bytes += (self.output.len() - before) as u64;
        self.send(Manner { keep_alive, is_head: true, ..manner }, &[], &[]);
        if !manner.is_head {
            let page =
                format_args!("<!doctype html><title>{reason}</title><h1>{number} {reason}</h1>\n");
            let _ = self.output.write_fmt(page);
            self.tally.bytes += length as u64;
        }
        self.tally.count(status);
    }
}
