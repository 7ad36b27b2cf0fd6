//! `Target`: the path that a request asks for, which cannot lead out of the site, and its query.
#![forbid(unsafe_code)]

use std::str;

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool};
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::status_code::StatusCode;

/// What is behind the method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// The path as it was sent.
    pub(crate) encoded: &'a str,
    /// Begins with a slash. Decoded, without `.`, `..` and empty segments.
    pub(crate) path: &'a str,
    /// As it was sent, without the question mark.
    pub(crate) query: &'a str,
}

/// What a query says, by name.
pub(crate) type Parameters<'a> = HashMap<&'a str, &'a str, DefaultHashBuilder, &'a Pool>;

impl<'a> Target<'a> {
    pub(crate) fn parse(raw: &'a str, pool: &'a Pool) -> Result<Self, StatusCode> {
        let local = match raw.strip_prefix("http://") {
            Some(rest) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
            None => raw,
        };
        let (encoded, query) = local.split_once('?').unwrap_or((local, ""));
        // Browsers take a backslash for a slash, and two of these for the name of another server.
        if !encoded.starts_with('/') || encoded.contains('\\') {
            return Err(StatusCode::BAD_REQUEST);
        }
        let path = normalise(decode(encoded, pool)?, pool)?;
        Ok(Self { encoded, path, query })
    }

    /// Reads the query, into the pool.
    ///
    /// # Errors
    ///
    /// It is not UTF-8, or too long.
    pub(crate) fn parameters(&self, pool: &'a Pool) -> Result<Parameters<'a>, StatusCode> {
        let mut parameters = Parameters::new_in(pool);
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.try_reserve(1).map_err(|_| AllocError)?;
            parameters.insert(decode(name, pool)?, decode(value, pool)?);
        }
        Ok(parameters)
    }
}

/// Replaces `%2F` and the like by the bytes that they stand for.
fn decode<'a>(text: &'a str, pool: &'a Pool) -> Result<&'a str, StatusCode> {
    if !text.contains('%') {
        return Ok(text);
    }
    let mut decoded = Vec::new_in(pool);
    decoded.try_reserve_exact(text.len()).map_err(|_| AllocError)?;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next())? << 4 | hex(bytes.next())?,
            plain => plain,
        });
    }
    // The pool keeps it for as long as the request is under way.
    str::from_utf8(Vec::leak(decoded)).map_err(|_| StatusCode::BAD_REQUEST)
}

fn hex(digit: Option<u8>) -> Result<u8, StatusCode> {
    let digit = digit.and_then(|digit| char::from(digit).to_digit(16));
    digit.map(|digit| digit as u8).ok_or(StatusCode::BAD_REQUEST)
}

/// Takes `.`, `..` and empty segments out. A slash that was encoded is one.
fn normalise<'a>(path: &'a str, pool: &'a Pool) -> Result<&'a str, StatusCode> {
    if path.contains('\0') {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !path.contains("//") && !path.contains("/.") {
        return Ok(path);
    }
    let mut segments = Vec::new_in(pool);
    segments.try_reserve_exact(path.len()).map_err(|_| AllocError)?;
    for segment in path.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
        match segment {
            ".." => _ = segments.pop().ok_or(StatusCode::BAD_REQUEST)?,
            name => segments.push(name),
        }
    }
    let is_directory = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let mut normal = Vec::new_in(pool);
    normal.try_reserve_exact(path.len() + 1).map_err(|_| AllocError)?;
    for segment in segments {
        normal.push(b'/');
        normal.extend_from_slice(segment.as_bytes());
    }
    if is_directory || normal.is_empty() {
        normal.push(b'/');
    }
    str::from_utf8(Vec::leak(normal)).map_err(|_| StatusCode::BAD_REQUEST)
}
