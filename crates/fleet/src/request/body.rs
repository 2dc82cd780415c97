//! Bodies: JSON, perhaps packed, within limits (the Fleet reference, section 1.2).

use std::io::Read;
use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::server::Fleet;

/// A JSON body, packed by gzip or not; the content type is not asked.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Fleet>> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, fleet: &Arc<Fleet>) -> Result<Self> {
        let bytes = read_limited(request, fleet.settings.max_api_body).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::plain(StatusCode::BAD_REQUEST, "Expected JSON Body"));
        }
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Body).map_err(|error| Error::plain(StatusCode::BAD_REQUEST, error.to_string()))
    }
}

/// The whole body, unpacked when it is packed; 413 when it is larger than `limit`, packed or unpacked.
pub async fn read_limited(request: Request, limit: usize) -> Result<Bytes> {
    let (parts, body) = request.into_parts();
    let collected = Limited::new(body, limit).collect().await;
    let bytes =
        collected.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => too_large(limit),
            None => Error::plain(StatusCode::BAD_REQUEST, "the body broke off"),
        })?;
    let bytes = bytes.to_bytes();
    if !is_gzip(&parts.headers) {
        return Ok(bytes);
    }
    unpack(&bytes, limit)
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("gzip"))
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes> {
    let mut out = Vec::with_capacity((packed.len() * 4).min(limit));
    let read = MultiGzDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut out);
    read.map_err(|error| Error::plain(StatusCode::BAD_REQUEST, format!("the body is not gzip: {error}")))?;
    if out.len() > limit { Err(too_large(limit)) } else { Ok(out.into()) }
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
        let read = read_limited(request(packed(b"{\"a\":1}"), true), 100).await.unwrap();
        assert_eq!(&read[..], b"{\"a\":1}");
        let bomb = packed(&vec![0; 1 << 20]);
        let refused = read_limited(request(bomb, true), 100_000).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        let plain = read_limited(request(vec![b' '; 200], false), 100).await.unwrap_err();
        assert_eq!(plain.status, StatusCode::PAYLOAD_TOO_LARGE);
        let broken = read_limited(request(b"no gzip".to_vec(), true), 100).await.unwrap_err();
        assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    }
}
