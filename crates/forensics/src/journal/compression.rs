//! What fields are packed with: each data object says for itself.

use std::io::Read;

use liblzma::read::XzDecoder;
use liblzma::stream::Stream;

use super::broken;
use crate::{Error, Result};

/// Flags of data objects.
const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;

/// Memory that unpacking may take besides the result: 64 MiB.
const XZ_MEMORY: u64 = 64 << 20;
const ZSTD_WINDOW: u32 = 26;

/// LZ4 makes no more than this of one byte.
const LZ4_MOST: u64 = 256;

/// What was stored, unpacked to at most `limit` bytes.
pub fn unpack(flags: u8, stored: Vec<u8>, limit: u64) -> Result<Vec<u8>> {
    match flags & (XZ | LZ4 | ZSTD) {
        0 => Ok(stored),
        XZ => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(|e| broken(e.to_string()))?;
            read(XzDecoder::new_stream(&*stored, stream), limit)
        }
        LZ4 => lz4(&stored, limit),
        ZSTD => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&*stored)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            read(decoder, limit)
        }
        _ => Err(broken("a field is packed in two ways at once")),
    }
}

fn read(unpacked: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = unpacked.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|e| broken(format!("a field cannot be unpacked: {e}")))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooMuch { what: "field", limit });
    }
    Ok(bytes)
}

/// The length, then one block.
fn lz4(stored: &[u8], limit: u64) -> Result<Vec<u8>> {
    let (size, block) = stored.split_first_chunk().ok_or_else(|| broken("a field is too short"))?;
    let size = u64::from_le_bytes(*size);
    if size > limit {
        return Err(Error::TooMuch { what: "field", limit });
    }
    if size / LZ4_MOST > block.len() as u64 {
        return Err(broken("a field cannot be as long as it says"));
    }
    let bytes = lz4_flex::block::decompress(block, size as usize)
        .map_err(|e| broken(format!("a field cannot be unpacked: {e}")))?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(broken("a field is shorter than it says")),
    }
}
