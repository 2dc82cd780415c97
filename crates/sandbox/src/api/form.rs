//! Forms in the three encodings that clients send (the Cuckoo reference, section 1.6).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use multer::{Field, Multipart};
use serde_json::Value as Json;

use self::disposition::Disposition;
use self::heads::Heads;
use super::error::{Error, Result};
use crate::samples::{Received, Samples};

pub mod disposition;
pub mod heads;

/// All text fields together.
const MAX_TEXT: usize = 4 << 20;
const MAX_FIELDS: usize = 128;
const MAX_FILES: usize = 100;
/// How long the next piece of a form may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A form that was read.
#[derive(Debug, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    pub files: Vec<File>,
}

/// A file that came with a form.
#[derive(Debug)]
pub struct File {
    /// The name of the field.
    pub field: String,
    /// As the client calls it; perhaps empty, perhaps with a path.
    pub name: String,
    pub content: Received,
}

impl Form {
    /// A text field; the first one, when it is repeated. Empty ones are as if not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Reads the body of a request. Files go to disk as they come.
    pub async fn read(request: Request, samples: &Samples, max_file: u64) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let is =
            |wanted: &str| kind.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted));
        if is("multipart/form-data") {
            let boundary = multer::parse_boundary(&kind);
            let boundary =
                boundary.map_err(|error| Error::bad(format!("The form cannot be read: {error}")))?;
            let mut heads = Heads::new(&boundary);
            let stream = request.into_body().into_data_stream().map(move |piece| match piece {
                Ok(piece) => heads.pass(piece).map_err(Box::from),
                Err(error) => Err(Box::<dyn std::error::Error + Send + Sync>::from(error)),
            });
            return multipart(Multipart::new(stream, boundary), samples, max_file).await;
        }
        let text = text_of(request.into_body()).await?;
        // Some clients say JSON and send a form.
        let fields = if is("application/json") { from_json(&text) } else { None };
        let fields = fields.unwrap_or_else(|| from_urlencoded(&text));
        if fields.len() > MAX_FIELDS {
            return Err(too_many());
        }
        Ok(Self { fields, files: Vec::new() })
    }
}

fn too_many() -> Error {
    Error::bad(format!("The form has more than {MAX_FIELDS} fields or {MAX_FILES} files"))
}

fn too_large() -> Error {
    Error::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The text of the form is larger than {MAX_TEXT} bytes"))
}

fn too_slow() -> Error {
    Error::new(StatusCode::REQUEST_TIMEOUT, "The form came too slowly")
}

async fn text_of(body: Body) -> Result<Bytes> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_TEXT).collect()).await;
    let read = read.map_err(|_| too_slow())?;
    let collected = read.map_err(|error| match error.downcast_ref::<LengthLimitError>() {
        Some(_) => too_large(),
        None => Error::bad("The form broke off"),
    })?;
    Ok(collected.to_bytes())
}

fn from_json(text: &[u8]) -> Option<Vec<(String, String)>> {
    let Json::Object(map) = serde_json::from_slice(text).ok()? else { return None };
    let text = |value: Json| match value {
        Json::String(text) => text,
        Json::Null => String::new(),
        Json::Array(list) => {
            let texts: Vec<String> =
                list.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), String::from)).collect();
            texts.join(",")
        }
        other => other.to_string(),
    };
    Some(map.into_iter().map(|(name, value)| (name, text(value))).collect())
}

fn from_urlencoded(text: &[u8]) -> Vec<(String, String)> {
    let decode = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        String::from_utf8_lossy(&percent_encoding::percent_decode(&spaced).collect::<Vec<u8>>()).into_owned()
    };
    let pairs = text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let pair = |pair: &[u8]| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        (decode(name), decode(value))
    };
    pairs.take(MAX_FIELDS + 1).map(pair).collect()
}

async fn multipart(mut parts: Multipart<'_>, samples: &Samples, max_file: u64) -> Result<Form> {
    let mut form = Form::default();
    let mut text_left = MAX_TEXT;
    while let Some(part) = patiently(parts.next_field()).await? {
        let header = part.headers().get(header::CONTENT_DISPOSITION);
        let Disposition { field, file_name } =
            header.map(|header| Disposition::parse(header.as_bytes())).unwrap_or_default();
        if form.fields.len() >= MAX_FIELDS || form.files.len() >= MAX_FILES {
            return Err(too_many());
        }
        match file_name {
            Some(name) if field == "file" || field == "files" => {
                let content = receive(part, samples, max_file).await?;
                form.files.push(File { field, name, content });
            }
            // What a file under any other name would be for, nobody has said.
            Some(name) if !name.is_empty() => skip(part, max_file).await?,
            _ => form.fields.push((field, text(part, &mut text_left).await?)),
        }
    }
    Ok(form)
}

async fn patiently<T>(next: impl Future<Output = multer::Result<T>>) -> Result<T> {
    let next = tokio::time::timeout(PATIENCE, next).await.map_err(|_| too_slow())?;
    next.map_err(|error| match error {
        multer::Error::StreamReadFailed(error) => Error::bad(format!("The form cannot be read: {error}")),
        error => Error::bad(format!("The form cannot be read: {error}")),
    })
}

async fn receive(mut part: Field<'_>, samples: &Samples, max_file: u64) -> Result<Received> {
    let mut receiving = samples.receive(max_file);
    let whole = async {
        while let Some(piece) = patiently(part.try_next()).await? {
            receiving.push(piece).await?;
        }
        Ok::<_, Error>(())
    };
    match whole.await {
        Ok(()) => Ok(receiving.finish().await?),
        Err(error) => {
            receiving.give_up().await;
            Err(error)
        }
    }
}

async fn skip(mut part: Field<'_>, max_file: u64) -> Result<()> {
    let mut size = 0;
    while let Some(piece) = patiently(part.try_next()).await? {
        size += piece.len() as u64;
        if size > max_file {
            return Err(too_large());
        }
    }
    Ok(())
}

async fn text(mut part: Field<'_>, left: &mut usize) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = patiently(part.try_next()).await? {
        *left = left.checked_sub(piece.len()).ok_or_else(too_large)?;
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(kind: &str, body: &'static [u8]) -> Result<Form> {
        let dir = tempfile::tempdir().unwrap();
        let samples = Samples::open(dir.path()).unwrap();
        let request = http::Request::builder().header("content-type", kind).body(Body::from(body)).unwrap();
        Form::read(request, &samples, 10).await
    }

    #[tokio::test]
    async fn text_comes_in_three_encodings_and_one_false_name() {
        for (kind, body) in [
            ("application/x-www-form-urlencoded", &b"url=http%3A%2F%2Fa.example%2F%3Fb%3D1+2&url=second"[..]),
            ("", b"url=http://a.example/?b=1+2"),
            ("application/json", b"url=http://a.example/?b=1+2"),
            ("application/json; charset=utf-8", br#"{"url": "http://a.example/?b=1 2", "priority": 2}"#),
            (
                "multipart/form-data; boundary=X",
                b"--X\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttp://a.example/?b=1 2\r\n--X--\r\n",
            ),
            (
                "multipart/form-data; boundary=X",
                b"--X\r\nContent-Disposition: form-data; name=\"url\"; filename=\"\"\r\n\r\nhttp://a.example/?b=1 2\r\n--X--\r\n",
            ),
        ] {
            let form = read(kind, body).await.unwrap();
            assert_eq!(form.get("url"), Some("http://a.example/?b=1 2"), "{kind} {body:?}");
            assert_eq!(form.get("nothing"), None);
        }
    }

    #[tokio::test]
    async fn files_are_hashed_and_their_names_survive() {
        let body =
            b"--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in\xff.js\"\r\n\r\nhello\r\n\
            --X\r\nContent-Disposition: form-data; name=\"other\"; filename=\"x\"\r\n\r\nskipped\r\n\
            --X\r\nContent-Disposition: form-data; name=\"owner\"\r\n\r\n\xffada\r\n--X--\r\n";
        let form = read("multipart/form-data; boundary=X", body).await.unwrap();
        let file = &form.files[0];
        assert_eq!((form.files.len(), &*file.name), (1, "in\u{fffd}.js"));
        assert!(file.content.digests.sha256.starts_with("2cf24dba"));
        assert_eq!(form.get("owner"), Some("\u{fffd}ada"));
        let large = b"--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n12345678901\r\n--X--\r\n";
        assert_eq!(read("multipart/form-data; boundary=X", large).await.unwrap_err().status, 413);
        assert_eq!(read("multipart/form-data", b"x").await.unwrap_err().status, 400);
        assert_eq!(read("multipart/form-data; boundary=X", b"--X\r\n\r\n").await.unwrap_err().status, 400);
    }
}
