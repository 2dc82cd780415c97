//! Forms as agents read them: urlencoded, or multipart when a file comes along.

use std::fs::File;
use std::io;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::io::ReaderStream;

use super::http::{Body, Fault};

/// A form that is ready to be sent.
pub(super) struct Form {
    pub content_type: String,
    pub length: u64,
    pub body: Body,
}

impl Form {
    /// Names and values alone.
    pub fn fields(fields: &[(&str, &str)]) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let text = pairs.join("&");
        let length = text.len() as u64;
        let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
        Self { content_type: "application/x-www-form-urlencoded".into(), length, body }
    }

    /// One field, then the content of a file, which is read while it is sent.
    pub fn with_file(field: (&str, &str), part: &str, file: File) -> Result<Self, Fault> {
        let size = file.metadata().map_err(Fault::Own)?.len();
        let boundary = boundary()?;
        let disposition = "Content-Disposition: form-data; name";
        let head = format!(
            "--{boundary}\r\n{disposition}=\"{}\"\r\n\r\n{}\r\n--{boundary}\r\n{disposition}=\"{part}\"; filename=\"file\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            field.0, field.1
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = (head.len() + tail.len()) as u64 + size;
        // Not a byte more than was told, also when the file grows.
        let content = tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), size);
        let pieces = stream::once(async { Ok(Bytes::from(head)) })
            .chain(ReaderStream::new(content))
            .chain(stream::once(async { Ok(Bytes::from(tail)) }));
        let body =
            StreamBody::new(pieces.map(|piece: io::Result<Bytes>| piece.map(Frame::data))).boxed_unsync();
        Ok(Self { content_type: format!("multipart/form-data; boundary={boundary}"), length, body })
    }
}

/// Random, so that no content holds it.
fn boundary() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Fault::Own(io::Error::other(error)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    async fn text(form: Form) -> String {
        let sent = form.body.collect().await.unwrap().to_bytes();
        assert_eq!(sent.len() as u64, form.length);
        String::from_utf8(sent.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn values_cannot_add_fields() {
        let form = Form::fields(&[("filepath", "C:\\a&cwd=b\n%"), ("async", "yes")]);
        assert_eq!(text(form).await, "filepath=C%3A%5Ca%26cwd%3Db%0A%25&async=yes");
    }

    #[tokio::test]
    async fn a_file_follows_its_field() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"content\r\n--").unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let form = Form::with_file(("filepath", "C:/x"), "file", file).unwrap();
        let boundary = form.content_type.split_once("boundary=").unwrap().1.to_owned();
        let sent = text(form).await;
        let parts: Vec<&str> = sent.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4);
        assert!(parts[1].contains("name=\"filepath\"\r\n\r\nC:/x\r\n"));
        assert!(
            parts[2].contains("name=\"file\"; filename=") && parts[2].ends_with("\r\n\r\ncontent\r\n--\r\n")
        );
        assert_eq!((parts[0], parts[3]), ("", "--\r\n"));
    }
}
