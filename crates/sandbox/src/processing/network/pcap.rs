//! Captures in the classic format (draft-ietf-opsawg-pcap, sections 4 and 5), which is what consumers read.
//!
//! Read by hand: the format is a header and records of fixed shape, and the one crate for it has no stable release.

use std::io::{self, Read};

/// Longer packets than any link carries are a broken file.
const MAX_PACKET: u32 = 256 << 10;
const ETHERNET: u32 = 1;

/// A packet, and where it was.
pub struct Packet {
    /// Seconds since 1970.
    pub time: f64,
    /// Of the packet's record in the file, in bytes.
    pub offset: u64,
    /// The record's header, as it is in the file.
    pub header: [u8; 16],
    pub bytes: Vec<u8>,
}

pub struct Reader<R> {
    file: R,
    is_big_endian: bool,
    /// Parts of a second.
    parts: f64,
    offset: u64,
    /// The file's header.
    pub header: [u8; 24],
}

impl<R: Read> Reader<R> {
    pub fn open(mut file: R) -> io::Result<Self> {
        let mut header = [0; 24];
        file.read_exact(&mut header)?;
        let (is_big_endian, parts) = match header[..4] {
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, 1e6),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, 1e9),
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, 1e6),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, 1e9),
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no capture")),
        };
        let reader = Self { file, is_big_endian, parts, offset: 24, header };
        match reader.number(&header[20..]) & 0xffff {
            ETHERNET => Ok(reader),
            link => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the link type {link} is not Ethernet"),
            )),
        }
    }

    /// The next packet. A file that breaks off, as one does whose machine was killed, ends there.
    pub fn next(&mut self) -> io::Result<Option<Packet>> {
        let mut header = [0; 16];
        if !self.fill(&mut header)? {
            return Ok(None);
        }
        let [seconds, part, length, _] = [0, 4, 8, 12].map(|at| self.number(&header[at..]));
        if length > MAX_PACKET {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a packet is too long: the capture is damaged",
            ));
        }
        let mut bytes = vec![0; length as usize];
        if !self.fill(&mut bytes)? {
            return Ok(None);
        }
        let offset = self.offset;
        self.offset += 16 + u64::from(length);
        Ok(Some(Packet { time: f64::from(seconds) + f64::from(part) / self.parts, offset, header, bytes }))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn number(&self, bytes: &[u8]) -> u32 {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if self.is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}
