//! The first message of a TLS client (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2), read for what it tells about the
//! program that sent it. The handshake itself is rustls's, which is shown the same bytes; this reads what it refuses as well.

use md5::{Digest as _, Md5};

/// The longest message that is waited for; ours with all post-quantum shares has less than 3 KiB.
pub const MAX_BYTES: usize = 64 << 10;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const ALPN: u16 = 16;
const VERSIONS: u16 = 43;

/// What a client tells about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    pub sni: Option<String>,
    pub alpn: Vec<Vec<u8>>,
    pub random: Vec<u8>,
    pub session_id: Vec<u8>,
    /// The newest that is offered.
    pub newest: u16,
    legacy: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    groups: Vec<u16>,
    formats: Vec<u8>,
}

/// What bytes are.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// It breaks off.
    Partial,
    Whole(Hello),
    /// Something else.
    Bad,
}

/// Whether bytes begin as a record with a handshake does, as far as they go.
pub fn begins(bytes: &[u8]) -> bool {
    bytes.first() == Some(&HANDSHAKE) && bytes.get(1).is_none_or(|major| *major == 3)
}

/// Reads the message, which may be spread over records.
pub fn read(bytes: &[u8]) -> Read {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some((header, body)) = message.split_first_chunk::<4>() {
            let [kind, length @ ..] = *header;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
            if kind != CLIENT_HELLO || length > MAX_BYTES {
                return Read::Bad;
            }
            if let Some(body) = body.get(..length) {
                return parse(&mut Cursor(body)).map_or(Read::Bad, Read::Whole);
            }
        }
        let Some(header) = rest.get(..RECORD_HEADER) else {
            return if begins(rest) || rest.is_empty() { Read::Partial } else { Read::Bad };
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if !begins(header) || length == 0 {
            return Read::Bad;
        }
        let Some(record) = rest.get(RECORD_HEADER..RECORD_HEADER + length) else {
            return if bytes.len() > MAX_BYTES { Read::Bad } else { Read::Partial };
        };
        message.extend_from_slice(record);
        rest = &rest[RECORD_HEADER + length..];
    }
}

/// The random value in a server's first message, if bytes begin with one.
pub fn server_random(bytes: &[u8]) -> Option<&[u8]> {
    const SERVER_HELLO: u8 = 2;
    // Behind the headers of record and message, and the version.
    let at = RECORD_HEADER + 4 + 2;
    let is_hello = bytes.first() == Some(&HANDSHAKE) && bytes.get(RECORD_HEADER) == Some(&SERVER_HELLO);
    bytes.get(at..at + 32).filter(|_| is_hello)
}

fn parse(body: &mut Cursor<'_>) -> Option<Hello> {
    let legacy = body.number()?;
    let mut hello = Hello { legacy, newest: legacy, random: body.bytes(32)?.to_vec(), ..Hello::default() };
    hello.session_id = body.short()?.to_vec();
    hello.ciphers = Cursor(body.long()?).numbers();
    body.short()?;
    // Clients before TLS 1.2 may have no extensions.
    let mut extensions = Cursor(body.long().unwrap_or_default());
    while let (Some(kind), Some(data)) = (extensions.number(), extensions.long()) {
        hello.extensions.push(kind);
        let mut data = Cursor(data);
        match kind {
            SERVER_NAME => hello.sni = server_name(&mut data),
            GROUPS => hello.groups = Cursor(data.long().unwrap_or_default()).numbers(),
            POINT_FORMATS => hello.formats = data.short().unwrap_or_default().to_vec(),
            ALPN => {
                let mut names = Cursor(data.long().unwrap_or_default());
                hello.alpn = std::iter::from_fn(|| names.short()).map(<[u8]>::to_vec).collect();
            }
            VERSIONS => {
                let versions = Cursor(data.short().unwrap_or_default()).numbers();
                let newest = versions.into_iter().filter(|version| !is_grease(*version)).max();
                hello.newest = newest.unwrap_or(hello.newest);
            }
            _ => {}
        }
    }
    Some(hello)
}

/// The first name, if it is one that a certificate can have.
fn server_name(data: &mut Cursor<'_>) -> Option<String> {
    let mut list = Cursor(data.long()?);
    let kind = list.bytes(1)?;
    let name = std::str::from_utf8(list.long()?).ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name = kind == [0] && !name.is_empty() && name.len() <= 253 && name.bytes().all(fits);
    is_name.then(|| name.to_ascii_lowercase())
}

impl Hello {
    /// The text that JA3 takes the MD5 of.
    pub fn ja3(&self) -> String {
        let joined = |numbers: &[u16]| {
            let kept = numbers.iter().filter(|number| !is_grease(**number)).map(u16::to_string);
            kept.collect::<Vec<_>>().join("-")
        };
        let formats: Vec<u16> = self.formats.iter().map(|format| u16::from(*format)).collect();
        let lists = [&self.ciphers, &self.extensions, &self.groups, &formats].map(|list| joined(list));
        format!("{},{}", self.legacy, lists.join(","))
    }

    pub fn ja3_hash(&self) -> String {
        Md5::digest(self.ja3()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn newest_name(&self) -> String {
        match self.newest {
            0x0300 => "SSL 3.0".into(),
            0x0301 => "TLS 1.0".into(),
            0x0302 => "TLS 1.1".into(),
            0x0303 => "TLS 1.2".into(),
            0x0304 => "TLS 1.3".into(),
            other => format!("0x{other:04x}"),
        }
    }
}

/// Values that mean nothing and change with each connection (RFC 8701, section 2).
fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What follows its length in one byte.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes(1)?[0];
        self.bytes(length.into())
    }

    /// What follows its length in two bytes.
    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(length.into())
    }

    fn numbers(&mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.number()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with these extensions, in records of at most `most` bytes.
    fn hello(extensions: &[(u16, &[u8])], most: usize) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 4, 0x0a, 0x0a, 0x13, 0x01, 1, 0]);
        let list: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, data)| {
                [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
            })
            .collect();
        body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
        body.extend(list);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[CLIENT_HELLO][..], &length[1..], &body].concat();
        let record = |part: &[u8]| {
            [&[HANDSHAKE, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat()
        };
        message.chunks(most).flat_map(record).collect()
    }

    const NAME: &[u8] = b"\0\x0e\0\0\x0bC2.ex-a.org";

    #[test]
    fn names_protocols_and_fingerprints_are_told() {
        let all: &[(u16, &[u8])] = &[
            (0x1a1a, b""),
            (SERVER_NAME, NAME),
            (GROUPS, b"\0\x06\x0a\x0a\0\x1d\0\x17"),
            (POINT_FORMATS, b"\x01\0"),
            (ALPN, b"\0\x0c\x02h2\x08http/1.1"),
            (VERSIONS, b"\x04\x03\x04\x03\x03"),
        ];
        for most in [1, 50, 4000] {
            let Read::Whole(hello) = read(&hello(all, most)) else { panic!("records of {most}") };
            assert_eq!(hello.sni.as_deref(), Some("c2.ex-a.org"));
            assert_eq!(hello.alpn, [&b"h2"[..], b"http/1.1"]);
            assert_eq!(hello.newest_name(), "TLS 1.3");
            assert_eq!(hello.ja3(), "771,4865,0-10-11-16-43,29-23,0");
            assert_eq!(hello.ja3_hash().len(), 32);
        }
    }

    #[test]
    fn parts_are_waited_for_and_lies_are_found() {
        let whole = hello(&[(SERVER_NAME, NAME)], 60);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Read::Partial, "{length} bytes");
        }
        assert_eq!(read(b"GET / HTTP/1.1"), Read::Bad);
        assert_eq!(read(&[22, 3, 1, 0, 0]), Read::Bad, "records without end");
        assert_eq!(read(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Read::Bad, "another message");
        assert_eq!(read(&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff]), Read::Bad, "a length that is a lie");
        let mut lying = whole.clone();
        let at = whole.len() - NAME.len() - 2;
        lying[at] = 0xff;
        assert!(matches!(read(&lying), Read::Whole(hello) if hello.sni.is_none()));
        let Read::Whole(none) = read(&hello(&[(SERVER_NAME, b"\0\x04\0\0\x01\n")], 4000)) else { panic!() };
        assert_eq!(none.sni, None, "a name with a line break");
    }
}
