//! `Request`: what a client asks for, in its own bytes and in the pool of the request.
#![forbid(unsafe_code)]

use std::str;

use aquifer::Pool;
use httparse::{Header, ParserConfig};

use crate::status_code::StatusCode;
use crate::target::Target;

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: Target<'a>,
    pub(crate) headers: &'a [Header<'a>],
    /// Whether it is of HTTP/1.0: whose clients have to be told that a connection stays.
    pub(crate) is_old: bool,
    pub(crate) keep_alive: bool,
    /// The bytes up to the body.
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: usize,
}

/// What the headers say of the connection and of the body.
#[derive(Default)]
struct Framing {
    hosts: usize,
    body_bytes: Option<usize>,
    closes: bool,
    keeps: bool,
    expects: bool,
}

impl<'a> Request<'a> {
    /// The most bytes of a head.
    pub(crate) const MAX_HEAD: usize = 8 << 10;
    /// The most bytes of a body, which nobody reads.
    pub(crate) const MAX_BODY: usize = 64 << 10;
    const MAX_HEADERS: usize = 64;

    /// Reads a request; none if it is not whole.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the status of the answer.
    pub(crate) fn parse(input: &'a [u8], pool: &'a Pool) -> Result<Option<Self>, StatusCode> {
        let headers = pool.alloc_uninit_slice(Self::MAX_HEADERS)?;
        let mut head = httparse::Request::new(&mut []);
        let parsed = ParserConfig::default()
            .parse_request_with_uninit_headers(&mut head, input, headers)
            .map_err(status_of)?;
        let httparse::Status::Complete(head_bytes) = parsed else {
            let is_too_long = input.len() >= Self::MAX_HEAD;
            return if is_too_long { Err(StatusCode::HEAD_TOO_LARGE) } else { Ok(None) };
        };
        if head_bytes > Self::MAX_HEAD {
            return Err(StatusCode::HEAD_TOO_LARGE);
        }
        let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version)
        else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let headers: &[Header<'_>] = head.headers;
        let framing = Framing::of(headers)?;
        let is_old = version == 0;
        // A client that waits to be asked for its body may send it now, or not.
        let keep_alive = !framing.closes && !framing.expects && (!is_old || framing.keeps);
        if !is_old && framing.hosts != 1 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let body_bytes = framing.body_bytes.unwrap_or(0);
        if body_bytes > Self::MAX_BODY {
            return Err(StatusCode::CONTENT_TOO_LARGE);
        }
        let target = Target::parse(target, pool)?;
        Ok(Some(Self { method, target, headers, is_old, keep_alive, head_bytes, body_bytes }))
    }

    /// Whether the answer is its head alone.
    pub(crate) fn is_for_head(&self) -> bool {
        self.method == "HEAD"
    }
}

impl Framing {
    fn of(headers: &[Header<'_>]) -> Result<Self, StatusCode> {
        let mut framing = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                4 if is("host") => framing.hosts += 1,
                6 if is("expect") => framing.expects = true,
                10 if is("connection") => framing.read_connection(header.value),
                14 if is("content-length") => framing.read_length(header.value)?,
                17 if is("transfer-encoding") => return Err(StatusCode::NOT_IMPLEMENTED),
                _ => {}
            }
        }
        Ok(framing)
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.closes |= option.eq_ignore_ascii_case(b"close");
            self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Two lengths are one too many: somebody on the way may have believed the other.
    fn read_length(&mut self, value: &[u8]) -> Result<(), StatusCode> {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        if !is_number || self.body_bytes.is_some() {
            return Err(StatusCode::BAD_REQUEST);
        }
        // A number that is too large for this machine is so for this server, too.
        let length = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        self.body_bytes = Some(length.unwrap_or(usize::MAX));
        Ok(())
    }
}

fn status_of(error: httparse::Error) -> StatusCode {
    match error {
        httparse::Error::TooManyHeaders => StatusCode::HEAD_TOO_LARGE,
        httparse::Error::Version => StatusCode::VERSION_NOT_SUPPORTED,
        _ => StatusCode::BAD_REQUEST,
    }
}
