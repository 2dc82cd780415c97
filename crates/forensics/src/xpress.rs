//! LZXPRESS Huffman, as Windows 10 packs prefetch files (documented in MS-XCA, section 2.2).

use crate::{Error, Result};

/// Bytes that one table of codes is good for.
const CHUNK: usize = 65_536;
const SYMBOLS: usize = 512;
const TABLE: usize = SYMBOLS / 2;
const LONGEST: usize = 15;

/// The symbol after the last, which elsewhere is a short repetition.
const END: usize = 256;

fn broken(why: &str) -> Error {
    Error::broken("compressed data", why)
}

/// Unpacks to exactly `size` bytes, of which the caller knows that they are not too many.
pub fn unpack(packed: &[u8], size: usize) -> Result<Vec<u8>> {
    chunks(packed, size, false)
}

/// Unpacks data of which nobody said how long it will be, up to the mark of its end.
pub fn unpack_all(packed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let out = chunks(packed, limit, true)?;
    match out.len() < limit {
        true => Ok(out),
        false => Err(Error::TooMuch { what: "decompressed data", limit: limit as u64 }),
    }
}

/// Whether data begins with lengths of codes as packers write them: every sequence of bits is the start of a code.
pub fn has_codes(packed: &[u8]) -> bool {
    packed.get(..TABLE).is_some_and(|table| {
        let lengths = table.iter().flat_map(|pair| [pair & 15, pair >> 4]);
        lengths.filter(|l| *l > 0).map(|l| 1_u32 << (LONGEST - usize::from(l))).sum::<u32>() == 1 << LONGEST
    })
}

fn chunks(packed: &[u8], size: usize, may_end: bool) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(size.min(1 << 20));
    let mut input = packed;
    while out.len() < size {
        if may_end && input.is_empty() {
            break;
        }
        let (table, rest) = input.split_at_checked(TABLE).ok_or_else(|| broken("ends in a table"))?;
        let codes = Codes::new(table)?;
        let mut bits = Bits::new(rest);
        let end = (out.len() + CHUNK).min(size);
        while out.len() < end {
            let symbol = codes.next(&mut bits)?;
            if symbol < 256 {
                out.push(symbol as u8);
                continue;
            }
            if may_end && symbol == END && bits.is_used_up() {
                return Ok(out);
            }
            copy(&mut out, symbol - 256, &mut bits, size)?;
        }
        input = bits.rest();
    }
    Ok(out)
}

/// Repeats bytes that were unpacked before.
fn copy(out: &mut Vec<u8>, symbol: usize, bits: &mut Bits<'_>, size: usize) -> Result<()> {
    let (distance_bits, mut length) = ((symbol >> 4) as u32, symbol & 15);
    if length == 15 {
        length = match bits.byte()? {
            255 => match bits.word()? {
                // Longer ones take four bytes more.
                0 => usize::from(bits.word()?) | usize::from(bits.word()?) << 16,
                n => usize::from(n),
            }
            .checked_sub(15)
            .ok_or_else(|| broken("impossible length"))?,
            n => usize::from(n),
        } + 15;
    }
    let distance = (1 << distance_bits) + bits.take(distance_bits)? as usize;
    let from = out.len().checked_sub(distance).ok_or_else(|| broken("reaches before the start"))?;
    let length = (length + 3).min(size - out.len());
    for i in 0..length {
        out.push(out[from + i]);
    }
    Ok(())
}

/// A canonical Huffman code.
struct Codes {
    /// How many codes there are of each length.
    counts: [u16; LONGEST + 1],
    /// The symbols by length of code, then by number.
    symbols: Vec<u16>,
}

impl Codes {
    /// Two lengths a byte, the lower half first.
    fn new(table: &[u8]) -> Result<Self> {
        let length = |symbol: usize| usize::from(table[symbol / 2] >> (4 * (symbol % 2)) & 15);
        let mut counts = [0_u16; LONGEST + 1];
        let mut symbols: Vec<u16> = (0..SYMBOLS).filter(|s| length(*s) > 0).map(|s| s as u16).collect();
        symbols.sort_by_key(|s| length(usize::from(*s)));
        for symbol in &symbols {
            counts[length(usize::from(*symbol))] += 1;
        }
        if symbols.is_empty() {
            return Err(broken("has an empty table"));
        }
        Ok(Codes { counts, symbols })
    }

    fn next(&self, bits: &mut Bits<'_>) -> Result<usize> {
        let (mut code, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        for count in self.counts.iter().skip(1) {
            let count = usize::from(*count);
            code |= bits.take(1)? as usize;
            if code < first + count {
                let place = index + code.checked_sub(first).ok_or_else(|| broken("impossible code"))?;
                return Ok(usize::from(self.symbols[place]));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(broken("unknown code"))
    }
}

/// Bits from words of 16, most significant first; bytes and words between them are taken from where the next word would be.
struct Bits<'a> {
    input: &'a [u8],
    at: usize,
    held: u32,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(input: &'a [u8]) -> Self {
        let mut bits = Bits { input, at: 0, held: 0, count: 0 };
        bits.refill();
        bits.refill();
        bits
    }

    /// Beyond the end there are zeros: the last words are read ahead of their use.
    fn refill(&mut self) {
        let byte = |at: usize| self.input.get(at).copied().unwrap_or(0);
        let word = u32::from(u16::from_le_bytes([byte(self.at), byte(self.at + 1)]));
        self.held |= word << (16 - self.count);
        self.count += 16;
        self.at += 2;
    }

    fn take(&mut self, count: u32) -> Result<u32> {
        if count == 0 {
            return Ok(0);
        }
        if self.at > self.input.len() + 8 {
            return Err(broken("too short"));
        }
        let value = self.held >> (32 - count);
        self.held <<= count;
        self.count -= count;
        if self.count < 16 {
            self.refill();
        }
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.input.get(self.at).copied().ok_or_else(|| broken("too short"))?;
        self.at += 1;
        Ok(byte)
    }

    fn word(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    /// Whether nothing but padding is left.
    fn is_used_up(&self) -> bool {
        self.at >= self.input.len() && self.held == 0
    }

    /// What follows the words that were read.
    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packed by wimlib, an independent implementation.
    const PACKED: &[u8] = include_bytes!("testdata/xpress.bin");

    fn content() -> Vec<u8> {
        (0..60_000_u32)
            .flat_map(|i| format!("line {} of {}\n", i % 97, i / 1000).into_bytes())
            .take(60_000)
            .collect()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        assert!(unpack(PACKED, 60_000).unwrap() == content());
        assert!(unpack(PACKED, 1000).unwrap() == content()[..1000]);
    }

    #[test]
    fn broken_data_is_an_error_or_other_bytes() {
        for length in (0..PACKED.len()).step_by(7) {
            let _ = unpack(&PACKED[..length], 60_000);
        }
        for at in 0..PACKED.len() {
            let mut packed = PACKED.to_vec();
            packed[at] ^= 0x55;
            if let Ok(out) = unpack(&packed, 60_000) {
                assert_eq!(out.len(), 60_000);
            }
        }
        assert!(unpack(&[0; 400], 10).is_err());
    }
}
