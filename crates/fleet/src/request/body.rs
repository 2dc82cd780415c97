//! Bodies: JSON, perhaps packed, within limits (the Fleet reference, section 1.2).

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::server::Fleet;

/// How many bytes before login a body may have.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// Bodies of up to this size are not counted, so that check-ins share nothing.
const FREE: usize = 64 << 10;
/// What counted memory is taken in.
const STEP: usize = 64 << 10;
/// How long a body may take to begin, and how much later it may be for each second's worth of bytes that came.
const PATIENCE: Duration = Duration::from_secs(20);
const SLOWEST: u64 = 1 << 10;

/// The memory that all bodies together may take while they are read and worked on.
#[derive(Clone, Debug)]
pub struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    /// So many bytes; each body besides has its first 64 KiB free.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes / STEP)))
    }

    fn hold(&self) -> Held {
        Held { memory: self.0.clone(), permit: None, steps: 0 }
    }
}

/// What one body takes of the memory.
struct Held {
    memory: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    steps: usize,
}

impl Held {
    /// Takes more when the body has this size; 503 when there is no more.
    fn grow_to(&mut self, bytes: usize) -> Result<()> {
        let steps = bytes.saturating_sub(FREE).div_ceil(STEP);
        let Some(more) = steps.checked_sub(self.steps).filter(|more| *more > 0) else { return Ok(()) };
        let got =
            u32::try_from(more).ok().and_then(|more| self.memory.clone().try_acquire_many_owned(more).ok());
        let got = got.ok_or_else(|| {
            Error::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many large bodies are being read: try again later",
            )
        })?;
        match &mut self.permit {
            Some(permit) => permit.merge(got),
            None => self.permit = Some(got),
        }
        self.steps = steps;
        Ok(())
    }

    /// The body, which gives back its memory at its end.
    fn keep(self, bytes: Vec<u8>) -> Bytes {
        if self.permit.is_none() { bytes.into() } else { Bytes::from_owner(Counted { bytes, _held: self }) }
    }
}

struct Counted {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A JSON body, packed by gzip or not; the content type is not asked.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Fleet>> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, fleet: &Arc<Fleet>) -> Result<Self> {
        let before_login = request.extensions().get::<BodyLimit>().map_or(usize::MAX, |limit| limit.0);
        let limit = fleet.settings.max_api_body.min(before_login);
        let bytes = read_limited(&fleet.bodies, request, limit).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::plain(StatusCode::BAD_REQUEST, "Expected JSON Body"));
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Body).map_err(|error| Error::plain(StatusCode::BAD_REQUEST, error.to_string()))
    }
}

/// The whole body, unpacked when it is packed. Refused: 413 when it is larger than `limit`, packed or unpacked; 408 when
/// it comes too slowly; 503 when other bodies take all the memory there is for them.
pub async fn read_limited(memory: &BodyMemory, request: Request, limit: usize) -> Result<Bytes> {
    let (parts, body) = request.into_parts();
    let mut held = memory.hold();
    let bytes = collect(body, limit, &mut held, PATIENCE).await?;
    if !is_gzip(&parts.headers) {
        return Ok(held.keep(bytes));
    }
    let mut held = memory.hold();
    let plain = unpack(&bytes, limit, &mut held)?;
    Ok(held.keep(plain))
}

async fn collect(
    mut body: axum::body::Body,
    limit: usize,
    held: &mut Held,
    patience: Duration,
) -> Result<Vec<u8>> {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    loop {
        let until = begun + patience + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let frame = tokio::time::timeout_at(until, body.frame()).await;
        let frame =
            frame.map_err(|_| Error::plain(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| Error::plain(StatusCode::BAD_REQUEST, "the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        append(&mut bytes, &data, limit, held)?;
    }
}

fn append(bytes: &mut Vec<u8>, data: &[u8], limit: usize, held: &mut Held) -> Result<()> {
    let size = bytes.len() + data.len();
    if size > limit {
        return Err(too_large(limit));
    }
    if size > bytes.capacity() {
        let capacity = size.max(bytes.capacity() * 2).min(limit);
        held.grow_to(capacity)?;
        bytes.reserve_exact(capacity - bytes.len());
    }
    bytes.extend_from_slice(data);
    Ok(())
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"))
}

fn unpack(packed: &[u8], limit: usize, held: &mut Held) -> Result<Vec<u8>> {
    let mut reader = MultiGzDecoder::new(packed);
    let mut out = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        let count = reader.read(&mut piece);
        let count = count.map_err(|error| {
            Error::plain(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}"))
        })?;
        if count == 0 {
            return Ok(out);
        }
        append(&mut out, &piece[..count], limit, held)?;
    }
}

fn too_large(limit: usize) -> Error {
    Error::plain(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn request(body: Vec<u8>, packed: bool) -> Request {
        let builder = http::Request::builder();
        let builder = if packed { builder.header("content-encoding", "GZIP") } else { builder };
        builder.body(axum::body::Body::from(body)).unwrap()
    }

    fn packed(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn packed_bodies_are_unpacked_within_the_limit() {
        let memory = BodyMemory::new(1 << 20);
        let read = async |request, limit| read_limited(&memory, request, limit).await;
        let plain = read(request(packed(b"{\"a\":1}"), true), 100).await.unwrap();
        assert_eq!(&plain[..], b"{\"a\":1}");
        let bomb = packed(&vec![0; 1 << 20]);
        let refused = read(request(bomb, true), 100_000).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        let plain = read(request(vec![b' '; 200], false), 100).await.unwrap_err();
        assert_eq!(plain.status, StatusCode::PAYLOAD_TOO_LARGE);
        let broken = read(request(b"no gzip".to_vec(), true), 100).await.unwrap_err();
        assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn large_bodies_share_memory_and_give_it_back() {
        let memory = BodyMemory::new(256 << 10);
        let large = || request(vec![b' '; 200 << 10], false);
        let first = read_limited(&memory, large(), 1 << 20).await.unwrap();
        let refused = read_limited(&memory, large(), 1 << 20).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        // What unpacks to much is counted as that, and small bodies are let through in any case.
        let bomb = packed(&vec![0; 200 << 10]);
        let refused = read_limited(&memory, request(bomb, true), 1 << 20).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(read_limited(&memory, request(vec![b' '; 1000], false), 1 << 20).await.is_ok());
        drop(first);
        assert_eq!(read_limited(&memory, large(), 1 << 20).await.unwrap().len(), 200 << 10);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let silent = axum::body::Body::from_stream(futures_util::stream::pending::<std::io::Result<Bytes>>());
        let refused = collect(silent, 100, &mut BodyMemory::new(0).hold(), Duration::ZERO).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
    }
}
