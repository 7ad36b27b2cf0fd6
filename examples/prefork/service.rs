//! `Service`: answers requests, each in a pool of its own.
#![forbid(unsafe_code)]

use std::io::{self, Read};
use std::sync::atomic::Ordering;

use aquifer::{Pool, PoolCache};

use crate::arguments::Settings;
use crate::batch::{Batch, Manner};
use crate::cache::{Cache, Lookup};
use crate::clock::SECOND;
use crate::generated;
use crate::request::Request;
use crate::shard::Stored;
use crate::shared::Shared;
use crate::site::{Content, Found, Site};
use crate::status_code::StatusCode;
use crate::target::Target;

/// The memory of requests: whatever one needs is gone when it is answered, and none gets more than this.
static REQUESTS: PoolCache =
    PoolCache::new(Pool::builder().name("request").limit(1 << 20).retain(256 << 10));

/// What a worker answers from.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) shared: &'a Shared,
    pub(crate) site: &'a Site,
    pub(crate) generation: u32,
    /// When the directory was last looked at as a whole: what was kept before is compared with its file.
    pub(crate) opened: u64,
    /// Which row of the counters is its own.
    pub(crate) row: usize,
}

impl Service<'_> {
    /// For so long a kept answer is not compared with its file.
    const FRESH: u64 = SECOND;

    /// Whether nobody else may know another directory. Then what was looked at before this was asked is older
    /// than any later generation, which compares it with its own files.
    fn is_newest(&self) -> bool {
        self.shared.generation.load(Ordering::SeqCst) == self.generation
    }

    /// Answers the requests in what a client has sent. Returns the number of bytes that are done with.
    pub(crate) fn answer(&self, input: &[u8], batch: &mut Batch<'_>) -> usize {
        let mut done = 0;
        while done < input.len() && batch.has_room() {
            match REQUESTS.scope(|pool| self.answer_first(&input[done..], pool, batch)) {
                Some(bytes) => done += bytes,
                None => break,
            }
        }
        done
    }

    /// Answers one request; none if it is not whole.
    fn answer_first(&self, input: &[u8], pool: &Pool, batch: &mut Batch<'_>) -> Option<usize> {
        let request = match Request::parse(input, pool) {
            Ok(request) => request?,
            Err(status) => {
                batch.refuse(status, Manner { keep_alive: false, ..Manner::LAST }, "");
                batch.is_last = true;
                return Some(input.len());
            }
        };
        let manner = Manner {
            is_old: request.is_old,
            keep_alive: request.keep_alive && !batch.is_draining,
            is_head: request.is_for_head(),
        };
        match self.respond(&request, manner, pool, batch) {
            Ok(()) => batch.tally.count(StatusCode::OK),
            Err(StatusCode::METHOD_NOT_ALLOWED) => {
                batch.refuse(StatusCode::METHOD_NOT_ALLOWED, manner, "Allow: GET, HEAD\r\n");
            }
            Err(StatusCode::MOVED) => move_to_directory(&request, manner, pool, batch),
            Err(status) => batch.refuse(status, manner, ""),
        }
        let body_here = request.body_bytes.min(input.len() - request.head_bytes);
        batch.body_left = request.body_bytes - body_here;
        Some(request.head_bytes + body_here)
    }

    fn respond(
        &self,
        request: &Request<'_>,
        manner: Manner,
        pool: &Pool,
        batch: &mut Batch<'_>,
    ) -> Result<(), StatusCode> {
        let path = request.target.path;
        let is_status = matches!(path, "/status" | "/status.json");
        if let Some(limit) = self.settings.limit.filter(|_| !is_status) {
            if !self.shared.limiter.admits(batch.peer, limit, batch.now) {
                return Err(StatusCode::TOO_MANY_REQUESTS);
            }
        }
        if !matches!(request.method, "GET" | "HEAD") {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if let Some(page) = generated::page(self, request, pool)? {
            let head = head(pool, page.media_type, page.bytes.len() as u64)?;
            batch.send(manner, head.as_bytes(), page.bytes);
            return Ok(());
        }
        if self.answer_from_cache(path, manner, batch)? {
            batch.tally.hits += 1;
            return Ok(());
        }
        self.answer_from_site(self.site.find(path)?, path, manner, pool, batch)
    }

    /// Copies an answer out of the heap; returns whether there is one.
    fn answer_from_cache(
        &self,
        path: &str,
        manner: Manner,
        batch: &mut Batch<'_>,
    ) -> Result<bool, StatusCode> {
        let (cache, now) = (&self.shared.cache, batch.now);
        let mut fresh_since = now.saturating_sub(Self::FRESH).max(self.opened);
        for _ in 0..2 {
            let times = (fresh_since, now);
            match cache.read(path, times, |kept| batch.send(manner, &kept.head, &kept.body)) {
                Lookup::Fresh(()) => return Ok(true),
                Lookup::Stale(version) if self.site.find(path)?.version == version => {
                    if self.is_newest() {
                        cache.confirm(path, version, now);
                    }
                    fresh_since = 0;
                }
                Lookup::Stale(_) | Lookup::Absent => break,
            }
        }
        Ok(false)
    }

    /// Sends a file, and keeps the answer for others if it is small.
    fn answer_from_site(
        &self,
        found: Found,
        path: &str,
        manner: Manner,
        pool: &Pool,
        batch: &mut Batch<'_>,
    ) -> Result<(), StatusCode> {
        let Found { version, media_type, content } = found;
        let head = head(pool, media_type, version.bytes)?;
        let body = match content {
            Content::Memory(bytes) => bytes,
            Content::File(file) if version.bytes > Cache::MAX_BODY => {
                batch.send_file(manner, head.as_bytes(), file, version.bytes);
                return Ok(());
            }
            // Into memory of this process: the kernel may go on copying for one that was killed.
            Content::File(mut file) => {
                let body = pool.alloc_slice_fill_with(version.bytes as usize, |_| 0)?;
                file.read_exact(body).map_err(changed_meanwhile)?;
                body
            }
        };
        let (path, head) = (path.as_bytes(), head.as_bytes());
        if self.is_newest() {
            self.shared.cache.keep(Stored { path, head, body, version }, batch.now);
        }
        batch.tally.misses += 1;
        batch.send(manner, head, body);
        Ok(())
    }
}

/// The head of an answer, up to what it says of the connection.
fn head<'a>(pool: &'a Pool, media_type: &str, bytes: u64) -> Result<&'a str, StatusCode> {
    Ok(pool.alloc_fmt(format_args!(
        "HTTP/1.1 200 OK\r\nServer: aquifer\r\nContent-Type: {media_type}\r\nContent-Length: {bytes}\r\n"
    ))?)
}

/// Tells where a directory is: its own links lead to what is in it only if its path ends with a slash.
fn move_to_directory(request: &Request<'_>, manner: Manner, pool: &Pool, batch: &mut Batch<'_>) {
    // What has been decoded is not sent back: a line could end in it.
    let Target { encoded, query, .. } = request.target;
    let (path, mark) = (encoded.trim_start_matches('/'), if query.is_empty() { "" } else { "?" });
    match pool.alloc_fmt(format_args!("Location: /{path}/{mark}{query}\r\n")) {
        Ok(location) => batch.refuse(StatusCode::MOVED, manner, location),
        Err(refused) => batch.refuse(refused.into(), manner, ""),
    }
}

/// A file is shorter than it was a moment ago.
fn changed_meanwhile(_: io::Error) -> StatusCode {
    StatusCode::UNAVAILABLE
}
