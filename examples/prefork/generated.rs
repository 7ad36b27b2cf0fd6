//! Pages that are made for each request, in its pool.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::str;

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool};

use crate::media_type;
use crate::request::Request;
use crate::service::Service;
use crate::status::Status;
use crate::status_code::StatusCode;
use crate::status_page;
use crate::text::{Escaped, Text};
use crate::units::Bytes;

/// A page in a pool.
pub(crate) struct Page<'pool> {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: &'pool [u8],
}

/// Makes the page of a path; none if it is one of the site's.
pub(crate) fn page<'pool>(
    service: &Service<'_>,
    request: &Request<'pool>,
    pool: &'pool Pool,
) -> Result<Option<Page<'pool>>, StatusCode> {
    let mut text = Text::new_in(pool);
    let media_type = match request.target.path {
        "/status" => {
            status_page::write(&mut text, &Status::of(service))?;
            media_type::HTML
        }
        "/status.json" => {
            write!(text, "{:#}", Status::of(service).to_json())?;
            media_type::JSON
        }
        "/request" => {
            describe(&mut text, request, pool)?;
            media_type::HTML
        }
        "/bytes" => {
            let count = request.target.parameters(pool)?.get("count").map(|text| text.parse());
            let count = count.unwrap_or(Ok(1024)).map_err(|_| StatusCode::BAD_REQUEST)?;
            let bytes = pool.alloc_slice_fill_with(count, |place| b'a' + (place % 26) as u8)?;
            return Ok(Some(Page { media_type: media_type::TEXT, bytes }));
        }
        _ => return Ok(None),
    };
    Ok(Some(Page { media_type, bytes: text.into_bytes() }))
}

/// Shows a request as the server has understood it, and what it has cost.
fn describe(text: &mut Text<'_>, request: &Request<'_>, pool: &Pool) -> Result<(), StatusCode> {
    write!(
        text,
        "<!doctype html><html lang=en><meta name=viewport content='width=device-width'>\
         <link rel=stylesheet href=/style.css><title>Your request</title><main>\
         <h1>Your request</h1><p><code>{} {}</code></p><table>",
        Escaped(request.method),
        Escaped(request.target.encoded)
    )?;
    let parameters = request.target.parameters(pool)?;
    let mut rows = Vec::new_in(pool);
    rows.try_reserve_exact(request.headers.len() + parameters.len()).map_err(|_| AllocError)?;
    for header in request.headers {
        rows.push((header.name, str::from_utf8(header.value).unwrap_or("(not text)")));
    }
    rows.extend(parameters.iter().map(|(name, value)| (*name, *value)));
    rows.sort_unstable();
    for (name, value) in rows {
        write!(text, "<tr><th>{}<td>{}", Escaped(name), Escaped(value))?;
    }
    let stats = pool.stats();
    write!(
        text,
        "</table><p>All of it lies in a pool of its own: {} are used so far, of at most {}. \
         When this is sent they are used again.</main></html>",
        Bytes(stats.used as u64),
        Bytes(stats.limit as u64)
    )?;
    Ok(())
}
