//! Destinations that a guest may reach through a proxy: `example.org:443`, `*.example.org:80`, `203.0.113.0/24:1000-2000`, `*:443`.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// One entry of an allow-list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    text: String,
    host: Host,
    ports: RangeInclusive<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// Every name, and no address.
    AnyName,
    Name(String),
    /// Names below this one, which begins with a dot.
    Below(String),
    Network {
        first: u32,
        mask: u32,
    },
}

impl Allowed {
    /// Whether a name or an address may be reached at this port.
    pub fn permits(&self, host: &str, port: u16) -> bool {
        if !self.ports.contains(&port) {
            return false;
        }
        let address: Option<Ipv4Addr> = host.parse().ok();
        match (&self.host, address) {
            (Host::Network { first, mask }, Some(address)) => u32::from(address) & mask == *first,
            (Host::Network { .. }, None) | (_, Some(_)) => false,
            (Host::AnyName, None) => is_name(host),
            (Host::Name(name), None) => host.eq_ignore_ascii_case(name),
            (Host::Below(end), None) => is_name(host) && host.to_ascii_lowercase().ends_with(end.as_str()),
        }
    }
}

/// Letters that a name may have; nothing that means something in a request to a proxy.
pub fn is_name(text: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= MAX_NAME && text.split('.').all(fits) && !is_number(text)
}

/// Whether a resolver may take it for an address: `127.1`, `2130706433` and `0x7f000001` are one to many (inet_aton).
fn is_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no destination: give HOST:PORT, where HOST is a name, *.name, * for every name, an address or ADDRESS/BITS, \
                 and PORT a number, FROM-TO or *"
            )
        };
        let (host, ports) = text.rsplit_once(':').ok_or_else(wrong)?;
        Ok(Self {
            text: text.to_owned(),
            host: self::host(host).ok_or_else(wrong)?,
            ports: self::ports(ports).ok_or_else(wrong)?,
        })
    }
}

fn host(text: &str) -> Option<Host> {
    if text == "*" {
        return Some(Host::AnyName);
    }
    if let Some(name) = text.strip_prefix("*.") {
        return is_name(name).then(|| Host::Below(format!(".{}", name.to_ascii_lowercase())));
    }
    let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
    if let Ok(address) = address.parse::<Ipv4Addr>() {
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        return Some(Host::Network { first: u32::from(address) & mask, mask });
    }
    is_name(text).then(|| Host::Name(text.to_ascii_lowercase()))
}

fn ports(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "*" {
        return Some(1..=u16::MAX);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
    (from > 0 && from <= to).then_some(from..=to)
}

impl Serialize for Allowed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_is_permitted() {
        let cases = [
            ("example.org:443", "Example.ORG", 443, true),
            ("example.org:443", "example.org", 80, false),
            ("example.org:443", "www.example.org", 443, false),
            ("*.example.org:80", "a.b.example.org", 80, true),
            ("*.example.org:80", "example.org", 80, false),
            ("*.example.org:80", "evilexample.org", 80, false),
            ("*:*", "anything.example", 65535, true),
            // Neither an address nor what is no name.
            ("*:*", "203.0.113.7", 80, false),
            ("*:*", "127.1", 80, false),
            ("*:*", "2130706433", 80, false),
            ("*:*", "0x7F000001", 80, false),
            ("*:*", "0x7f.1", 80, false),
            ("*:*", "a b", 80, false),
            ("*:*", "evil\r\nHost: other", 80, false),
            ("*.example.org:80", "x\r\n.example.org", 80, false),
            ("203.0.113.0/24:1000-2000", "203.0.113.255", 1000, true),
            ("203.0.113.0/24:1000-2000", "203.0.114.1", 1000, false),
            ("203.0.113.0/24:1000-2000", "203.0.113.1", 2001, false),
            ("0.0.0.0/0:80", "198.51.100.1", 80, true),
            ("203.0.113.7:80", "203.0.113.7", 80, true),
            ("203.0.113.7:80", "203.0.113.8", 80, false),
        ];
        for (entry, host, port, expected) in cases {
            assert_eq!(
                entry.parse::<Allowed>().unwrap().permits(host, port),
                expected,
                "{entry} {host:?} {port}"
            );
        }
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for wrong in [
            "",
            "example.org",
            "example.org:",
            ":80",
            "a b:80",
            "*.:80",
            "1.2.3:80",
            "1.2.3.4/33:80",
            "x:0",
            "x:9-8",
            "x:65536",
            "**:80",
        ] {
            let error = wrong.parse::<Allowed>().unwrap_err();
            assert!(error.contains("give HOST:PORT"), "{error}");
        }
    }
}
