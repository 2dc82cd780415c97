//! Carved files (the Fleet reference, section 12.1). The archive as a whole, its size and digest are ours.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};
use store::fleet::carve::{self, Carve};
use store::rights::{Action, Object};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use crate::archive;
use crate::describe::{Form, Shapes, Written};
use crate::error::{Error, Result};
use crate::reply::{self, Reply};
use crate::request::{Asked, Id, Ids, Kind, Paging, Parameter, Parameters, parse_bool};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "carves", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Carve);
    vec![
        Route::get("carves", read, "The files that agents sent.", list),
        Route::get("carves/{id}", read, "One carve.", show),
        Route::get("carves/{id}/download", read, "The whole archive of a carve.", download),
        Route::get("carves/{id}/block/{block_id}", read, "A block of a carve.", block),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Carves {
    carves: Vec<Carve>,
}

#[derive(Serialize, JsonSchema)]
struct One {
    carve: Carve,
}

/// What lists of carves take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(carve::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[Parameter("expired", Kind::Flag, "Show expired carves, too.")];
}

async fn list(State(fleet): State<Arc<Fleet>>, query: Asked<Listing>) -> Result<Reply<Carves>> {
    let expired_too = match query.get("expired") {
        None => false,
        Some(text) => parse_bool(text)
            .ok_or_else(|| Error::invalid("expired", format!("invalid expired value {text}")))?,
    };
    let carves = fleet.db.read(move |tx| carve::list(tx, expired_too, &query.options)).await?;
    Ok(Reply(Carves { carves }))
}

async fn show(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<One>> {
    let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
    Ok(Reply(One { carve }))
}

/// A block, as base64.
struct Block;

impl Form for Block {
    fn shape(_: &mut Shapes) -> Json {
        json!({
            "type": "object",
            "properties": {"data": {"type": "string", "contentEncoding": "base64"}},
            "required": ["data"],
        })
    }
}

async fn block(State(fleet): State<Arc<Fleet>>, Ids(id, block): Ids) -> Result<Written<Block>> {
    let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
    if carve.expired {
        return Err(Error::plain(StatusCode::GONE, "cannot get block for expired carve"));
    }
    let missing = || Error::plain(StatusCode::NOT_FOUND, format!("block {block} not yet available"));
    if i64::from(block) > carve.max_block {
        return Err(missing());
    }
    let asked = carve.clone();
    let (at, len) = fleet.db.read(move |tx| carve::extent(tx, &asked, block.into())).await?;
    let bytes = archive::read(&fleet.settings.dir, id, at, len).await.map_err(|error| {
        tracing::warn!(target: "fleet", carve = id, block, %error, "a stored block cannot be read");
        missing()
    })?;
    // Blocks are large: not through the writer of JSON.
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 32);
    text.push_str("{\n  \"data\": \"");
    BASE64_STANDARD.encode_string(bytes, &mut text);
    text.push_str("\"\n}\n");
    Ok(reply::json(StatusCode::OK, text).into())
}

/// What is read of the file at a time.
const PART: usize = 256 << 10;
/// What a zstd frame begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The longest name that is suggested for the file, without its end.
const MAX_NAME: usize = 100;

/// An archive, or a part of it.
struct Archive;

impl Form for Archive {
    const STATUSES: &'static [u16] = &[200, 206];
    const KINDS: &'static [&'static str] = &["application/x-tar", "application/zstd"];

    fn shape(_: &mut Shapes) -> Json {
        json!({"type": "string", "format": "binary"})
    }
}

async fn download(
    State(fleet): State<Arc<Fleet>>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Written<Archive>> {
    let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
    if carve.expired {
        return Err(Error::plain(StatusCode::GONE, "cannot download expired carve"));
    }
    if !carve.is_complete() {
        let (have, all) = (carve.max_block + 1, carve.block_count);
        return Err(Error::plain(
            StatusCode::NOT_FOUND,
            format!("carve {id} has {have} of {all} blocks yet"),
        ));
    }
    open(&fleet, &carve, &headers).await.map(Written::from).map_err(|error| {
        tracing::error!(target: "fleet", carve = id, %error, "a stored archive cannot be read");
        Error::plain(StatusCode::INTERNAL_SERVER_ERROR, "the archive cannot be read, see the server's log")
    })
}

async fn open(fleet: &Fleet, carve: &Carve, headers: &HeaderMap) -> std::io::Result<Response> {
    let size = carve.archive_size as u64;
    let mut file = tokio::fs::File::open(archive::path(&fleet.settings.dir, carve.id)).await?;
    let mut start = [0; ZSTD.len()];
    let is_packed = size >= start.len() as u64 && file.read_exact(&mut start).await.is_ok() && start == ZSTD;
    let (kind, end) = if is_packed { ("application/zstd", "tar.zst") } else { ("application/x-tar", "tar") };
    let etag = carve.sha256.as_ref().map(|sha256| format!("\"{sha256}\""));
    let range = headers.get(header::RANGE).filter(|_| is_current(headers, etag.as_deref()));
    let range = range.and_then(|range| parse_range(range.to_str().ok()?, size));
    let (status, first, len) = match range {
        None => (StatusCode::OK, 0, size),
        Some(Some((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Some(None) => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    file.seek(std::io::SeekFrom::Start(first)).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(len), PART));
    let mut response = Response::new(if len == 0 { Body::empty() } else { body });
    *response.status_mut() = status;
    let mut set = |name, text: String| {
        // Nothing but plain characters gets into these.
        HeaderValue::from_str(&text).ok().map(|value| response.headers_mut().insert(name, value))
    };
    set(header::CONTENT_TYPE, kind.to_owned());
    set(header::CONTENT_LENGTH, len.to_string());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.{end}\"", safe_name(carve)));
    if let Some(etag) = etag {
        set(header::ETAG, etag);
    }
    match status {
        StatusCode::PARTIAL_CONTENT => {
            drop(set(header::CONTENT_RANGE, format!("bytes {first}-{}/{size}", first + len - 1)))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => drop(set(header::CONTENT_RANGE, format!("bytes */{size}"))),
        _ => {}
    }
    Ok(response)
}

/// Whether a part is wanted of what is there now.
fn is_current(headers: &HeaderMap, etag: Option<&str>) -> bool {
    let wanted = headers.get(header::IF_RANGE);
    wanted.is_none_or(|wanted| etag.is_some_and(|etag| wanted.as_bytes() == etag.as_bytes()))
}

/// The first and last byte of `bytes=…`; `None` inside when there are none such, outside when it is to be ignored, as several
/// ranges are (RFC 9110, section 14.2).
fn parse_range(text: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) = match (first, last) {
        ("", last) => (size.saturating_sub(number(last)?), size.saturating_sub(1)),
        (first, "") => (number(first)?, size.saturating_sub(1)),
        (first, last) => (number(first)?, number(last)?),
    };
    let is_backward =
        text.split_once('-').is_some_and(|(_, last)| !last.is_empty()) && last < first && first < size;
    if is_backward {
        return None;
    }
    Some((first < size).then(|| (first, last.min(size - 1))))
}

/// A name for the file: agents choose what carves are called after.
fn safe_name(carve: &Carve) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '_' };
    let name: String = carve.name.chars().map(plain).take(MAX_NAME).collect();
    format!("carve-{}-{name}", carve.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_others_are_ignored() {
        for (text, range) in [
            ("bytes=0-3", Some(Some((0, 3)))),
            ("bytes=4-", Some(Some((4, 9)))),
            ("bytes=-3", Some(Some((7, 9)))),
            ("bytes=-30", Some(Some((0, 9)))),
            ("bytes=8-99", Some(Some((8, 9)))),
            ("bytes=10-", Some(None)),
            ("bytes=10-12", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=5-3", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=-", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(parse_range(text, 10), range, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Some(None));
    }
}
