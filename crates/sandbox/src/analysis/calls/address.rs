//! Addresses of sockets, and names that are asked for over them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::processing::shown;

/// Where a socket leads.
#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    Ip(IpAddr, u16),
    /// A socket of this machine; names that are no files begin with `@`.
    Local(String),
    Other(u16),
}

/// `struct sockaddr` as it lies in memory.
pub fn parse(bytes: &[u8]) -> Option<Address> {
    let family = u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?);
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    Some(match family {
        1 => match bytes.get(2..)? {
            [0, name @ ..] => Address::Local(format!("@{}", shown(name))),
            path => Address::Local(shown(path.split(|byte| *byte == 0).next().unwrap_or_default())),
        },
        2 => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Address::Ip(Ipv4Addr::from(ip).into(), port()?)
        }
        10 => {
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            Address::Ip(Ipv6Addr::from(ip).to_canonical(), port()?)
        }
        other => Address::Other(other),
    })
}

/// The name in a question to a name server. The message may be cut behind it.
pub fn question(message: &[u8]) -> Option<String> {
    const HEADER: usize = 12;
    let flags = message.get(2)?;
    let questions = u16::from_be_bytes(message.get(4..6)?.try_into().ok()?);
    // A standard query, and no answer.
    if flags & 0xf8 != 0 || questions == 0 {
        return None;
    }
    let (mut rest, mut labels) = (message.get(HEADER..)?, Vec::new());
    loop {
        let (length, after) = rest.split_first()?;
        match usize::from(*length) {
            0 => break,
            length @ 1..64 => {
                labels.push(shown(after.get(..length)?));
                rest = &after[length..];
            }
            _ => return None,
        }
    }
    Some(labels.join(".")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_all_kinds() {
        let v4 = [2, 0, 0x12, 0x34, 127, 0, 0, 1, 0, 0];
        assert_eq!(parse(&v4), Some(Address::Ip("127.0.0.1".parse().unwrap(), 0x1234)));
        let mut v6 = vec![10, 0, 0, 53, 0, 0, 0, 0];
        v6.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        assert_eq!(parse(&v6), Some(Address::Ip("2001:db8::1".parse().unwrap(), 53)));
        assert_eq!(parse(b"\x01\0/run/x\0junk"), Some(Address::Local("/run/x".into())));
        assert_eq!(parse(b"\x01\0\0only"), Some(Address::Local("@only".into())));
        assert_eq!(parse(&[16, 0]), Some(Address::Other(16)));
        assert_eq!((parse(&[2]), parse(&v4[..5]), parse(&v6[..20])), (None, None, None));
    }

    #[test]
    fn names_are_taken_from_questions_only() {
        let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
        assert_eq!(question(query).as_deref(), Some("www.example"));
        assert_eq!(question(&query[..20]), None, "cut within the name");
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        assert_eq!(question(&answer), None);
        assert_eq!(question(b"GET / HTTP/1.1\r\n"), None);
    }
}
