//! `Client`: a connection, and what comes over it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::server::PATIENCE;

/// A connection that stays until somebody closes it.
pub(crate) struct Client {
    stream: TcpStream,
    /// What has been read beyond the last answer.
    ahead: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, ahead: Vec::new() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    /// Asks for a path, and waits for the answer.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(request("GET", path).as_bytes()).unwrap();
        self.answer().unwrap()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits for an answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        self.read_answer(true)
    }

    /// Waits for an answer that has no body, whatever its head says.
    pub(crate) fn answer_to_head(&mut self) -> io::Result<Answer> {
        self.read_answer(false)
    }

    /// Reads no more than some bytes, as they come.
    pub(crate) fn read_some(&mut self, bytes: usize) -> Vec<u8> {
        let mut some = vec![0; bytes];
        let read = self.stream.read(&mut some).unwrap();
        some.truncate(read);
        some
    }

    /// Reads to the end of the connection.
    pub(crate) fn rest(mut self) -> io::Result<Vec<u8>> {
        let mut rest = self.ahead;
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    fn read_answer(&mut self, has_body: bool) -> io::Result<Answer> {
        let head_bytes = loop {
            if let Some(at) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8(self.ahead.drain(..head_bytes).collect()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| digits.parse().ok()).expect("a status line");
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.expect("a length").parse::<usize>().unwrap();
        let length = if has_body { length } else { 0 };
        while self.ahead.len() < length {
            self.read_more()?;
        }
        Ok(Answer { status, head, body: self.ahead.drain(..length).collect() })
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            read => {
                self.ahead.extend_from_slice(&bytes[..read]);
                Ok(())
            }
        }
    }
}

pub(crate) fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: here\r\n\r\n")
}
