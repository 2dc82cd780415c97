//! Decompression within limits: what expands beyond all measure is refused.

use std::io::{self, BufRead, BufReader, Read};

use super::shared::Shared;
use super::stream::{Start, Stream};
use super::{invalid, window::Window};
use vql::cancel::Cancel;

/// How data is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Deflate,
    Gzip,
    Bzip2,
    Zstd,
    Xz,
}

/// What any compressed data may expand to, and how many times its size beyond that.
const FREE: u64 = 1 << 30;
const MAX_RATIO: u64 = 2000;

/// The decompressed content of a stretch of a file.
pub fn content(cancel: &Cancel, method: Method, file: Shared, start: u64, length: u64) -> io::Result<Stream> {
    let open: Start = Box::new(move || {
        let input = BufReader::with_capacity(32 << 10, Window::new(file.again(), start, length));
        let reader = decoder(method, input)?;
        Ok(Box::new(Limited { reader, left: FREE.saturating_add(length.saturating_mul(MAX_RATIO)) }))
    });
    Ok(Stream::new(cancel, open))
}

/// A reader of decompressed data, without a limit on how much it is.
pub fn decoder(method: Method, input: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(match method {
        Method::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(input)),
        Method::Gzip => Box::new(Gzip { member: Some(flate2::bufread::GzDecoder::new(input)) }),
        Method::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Method::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            // A frame that wants a larger window than this is refused.
            decoder.window_log_max(27)?;
            Box::new(decoder)
        }
        Method::Xz => {
            let limits = liblzma::stream::Stream::new_auto_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED);
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, limits.map_err(invalid)?))
        }
    })
}

/// Memory that one decoder of xz may take.
const XZ_MEMORY: u64 = 256 << 20;

/// How data that starts so is compressed.
pub fn recognise(start: &[u8]) -> Option<Method> {
    Some(match start {
        [0x1f, 0x8b, ..] => Method::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Method::Bzip2,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Method::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Method::Xz,
        _ => return None,
    })
}

/// Fails when more comes than was thought possible.
struct Limited {
    reader: Box<dyn Read + Send>,
    left: u64,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left =
            self.left.checked_sub(count as u64).ok_or_else(|| invalid("the data expands too much"))?;
        Ok(count)
    }
}

/// The members of a gzip file, one after another; what follows them and is no member is left alone, as gzip does.
struct Gzip<R> {
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut rest) = self.member.take().map(flate2::bufread::GzDecoder::into_inner) else {
                break;
            };
            if rest.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
                self.member = Some(flate2::bufread::GzDecoder::new(rest));
            }
        }
        Ok(0)
    }
}
