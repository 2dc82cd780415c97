//! LZXPRESS, plain and with Huffman codes (MS-XCA): data of Windows that says nothing about itself.

use crate::bytes::Bytes;
use crate::{Error, Result, xpress};

/// What is unpacked at most.
const MAX_SIZE: usize = 64 << 20;

/// What begins files that tell their size, such as prefetch files; the second has a checksum besides.
const SIZED: [&[u8]; 2] = [b"MAM\x04", b"MAM\x84"];

fn broken(why: &str) -> Error {
    Error::broken("compressed data", why)
}

/// Unpacks data with a header, data that begins with a table of Huffman codes, or else plain data.
pub fn decompress(data: &[u8]) -> Result<Vec<u8>> {
    if let Some(mark) = SIZED.iter().find(|mark| data.starts_with(mark)) {
        let size = Bytes(data).size(4).ok_or_else(|| broken("too short"))?;
        if size > MAX_SIZE {
            return Err(Error::TooMuch { what: "decompressed data", limit: MAX_SIZE as u64 });
        }
        let header = if **mark == *SIZED[1] { 12 } else { 8 };
        return xpress::unpack(data.get(header..).unwrap_or_default(), size);
    }
    match xpress::has_codes(data) {
        true => xpress::unpack_all(data, MAX_SIZE),
        false => plain(data),
    }
}

/// Reads from the front of what is left.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(|| broken("ends early"))?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn byte(&mut self) -> Result<usize> {
        self.take::<1>().map(|[b]| usize::from(b))
    }

    fn word(&mut self) -> Result<usize> {
        self.take().map(|bytes| usize::from(u16::from_le_bytes(bytes)))
    }
}

/// Plain data: words of 32 flags, most significant first, each for a byte or a repetition.
fn plain(data: &[u8]) -> Result<Vec<u8>> {
    let mut input = Input(data);
    let mut out = Vec::new();
    // The upper half of a byte whose lower half was the length of the repetition before.
    let mut half = None;
    while !input.0.is_empty() {
        let flags = u32::from_le_bytes(input.take()?);
        for bit in (0..32).rev() {
            if input.0.is_empty() {
                return Ok(out);
            }
            if flags >> bit & 1 == 0 {
                out.push(input.byte()? as u8);
            } else {
                let word = input.word()?;
                let length = length(word & 7, &mut half, &mut input)?;
                repeat(&mut out, (word >> 3) + 1, length)?;
            }
            if out.len() > MAX_SIZE {
                return Err(Error::TooMuch { what: "decompressed data", limit: MAX_SIZE as u64 });
            }
        }
    }
    Ok(out)
}

/// The length of a repetition: three bits, then half a byte, a byte, two or four, each when the one before was full.
fn length(bits: usize, half: &mut Option<usize>, input: &mut Input<'_>) -> Result<usize> {
    if bits < 7 {
        return Ok(bits + 3);
    }
    let nibble = match half.take() {
        Some(upper) => upper,
        None => {
            let byte = input.byte()?;
            *half = Some(byte >> 4);
            byte & 15
        }
    };
    if nibble < 15 {
        return Ok(nibble + 7 + 3);
    }
    let byte = input.byte()?;
    if byte < 255 {
        return Ok(byte + 15 + 7 + 3);
    }
    let long = match input.word()? {
        0 => u32::from_le_bytes(input.take()?) as usize,
        long => long,
    };
    if long < 15 + 7 {
        return Err(broken("impossible length"));
    }
    Ok(long.saturating_add(3))
}

fn repeat(out: &mut Vec<u8>, distance: usize, length: usize) -> Result<()> {
    let from = out.len().checked_sub(distance).ok_or_else(|| broken("reaches before the start"))?;
    if length > MAX_SIZE {
        return Err(Error::TooMuch { what: "decompressed data", limit: MAX_SIZE as u64 });
    }
    for place in from..from + length {
        out.push(out[place]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packed by wimlib, with Huffman codes.
    const HUFFMAN: &[u8] = include_bytes!("testdata/xpress.bin");

    #[test]
    fn the_examples_of_the_specification() {
        // MS-XCA, section 3.1.
        let alphabet = [&[0x3f, 0, 0, 0][..], b"abcdefghijklmnopqrstuvwxyz"].concat();
        assert_eq!(decompress(&alphabet).unwrap(), b"abcdefghijklmnopqrstuvwxyz");
        let repeated = [0xff, 0xff, 0xff, 0x1f, 0x61, 0x62, 0x63, 0x17, 0, 0x0f, 0xff, 0x26, 1];
        assert_eq!(decompress(&repeated).unwrap(), b"abc".repeat(100));
    }

    #[test]
    fn lengths_of_every_kind() {
        // A byte, then repetitions of it: 3 + 7 + 2 and 3 + 7 + 14 share a byte, so do 3 + 7 + 15 + 1 and
        // 3 + 65536, which takes four bytes more.
        let packed = [
            &0x7fff_ffff_u32.to_le_bytes()[..],
            b"x",
            &[7, 0, 0xe2],
            &[7, 0],
            &[7, 0, 0xff, 1],
            &[7, 0, 255, 0, 0],
            &65536_u32.to_le_bytes(),
        ];
        assert_eq!(decompress(&packed.concat()).unwrap(), vec![b'x'; 1 + 12 + 24 + 26 + 65539]);
        assert_eq!(decompress(b"").unwrap(), b"");
        let endless =
            [&0x7fff_ffff_u32.to_le_bytes()[..], b"x", &[7, 0, 15, 255, 0, 0, 255, 255, 255, 255]].concat();
        assert_eq!(
            decompress(&endless).unwrap_err().to_string(),
            "decompressed data beyond the limit of 67108864"
        );
        for broken in [&b"abc"[..], &[0xff, 0xff, 0xff, 0xff, 1], &[0xff, 0xff, 0xff, 0xff, 0, 0]] {
            assert!(decompress(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn huffman_codes_are_recognised() {
        let content = xpress::unpack(HUFFMAN, 60_000).unwrap();
        let sized = [b"MAM\x04", &60_000_u32.to_le_bytes()[..], HUFFMAN].concat();
        assert!(decompress(&sized).unwrap() == content);
        let checked = [b"MAM\x84", &60_000_u32.to_le_bytes()[..], &[1, 2, 3, 4], HUFFMAN].concat();
        assert!(decompress(&checked).unwrap() == content);
        assert!(decompress(HUFFMAN).unwrap() == content);
        assert!(decompress(b"MAM\x04\xff\xff\xff\xff").is_err());
    }
}
