//! Where queries may connect to.
//!
//! Without any configuration everything is allowed but link-local addresses and the well-known addresses of cloud
//! metadata services, which hand out credentials to whoever asks from the host. The owner may deny and allow more, by
//! address range or by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What is refused unless it is allowed by name of the range.
const DENIED: &[(IpAddr, u8)] = &[
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
    // Metadata services outside link-local ranges: AWS, Alibaba, Oracle, Azure.
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), 128),
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), 32),
    (IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)), 32),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), 32),
];

/// A range of addresses, a name, or every socket of the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Range(IpAddr, u8),
    /// A host name; with `*.` before it every name below it.
    Name(String),
    /// Unix domain sockets.
    Unix,
}

impl FromStr for Rule {
    type Err = String;

    /// `10.0.0.0/8`, `::1`, `example.com`, `*.example.com` or `unix`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("unix") {
            return Ok(Rule::Unix);
        }
        if let Some(range) = range(text) {
            return Ok(range);
        }
        let name = text.trim_end_matches('.').to_ascii_lowercase();
        let plain = name.strip_prefix("*.").unwrap_or(&name);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        match !plain.is_empty() && plain.chars().all(allowed) {
            true => Ok(Rule::Name(name)),
            false => Err(format!("{text:?} is neither a range of addresses nor a host name")),
        }
    }
}

fn range(text: &str) -> Option<Rule> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Rule::Range(address, bits))
}

impl Rule {
    fn matches_name(&self, host: &str) -> bool {
        let Rule::Name(name) = self else { return false };
        match name.strip_prefix("*.") {
            Some(parent) => host.strip_suffix(parent).is_some_and(|below| below.ends_with('.')),
            None => host == name,
        }
    }

    /// Whether the address lies in the range that this is.
    pub fn matches_address(&self, address: IpAddr) -> bool {
        match self {
            Rule::Range(network, bits) => within(address, *network, *bits),
            Rule::Name(_) | Rule::Unix => false,
        }
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            a.to_bits() & mask == n.to_bits() & mask
        }
        _ => false,
    }
}

/// The rules of one server. What is denied is denied; of the rest, what is allowed by address range is allowed; then
/// the built-in list counts; and when anything is allowed by rule, what no rule names is refused.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub allow: Vec<Rule>,
    pub deny: Vec<Rule>,
}

/// A destination that may not be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "destination {} is not allowed", self.0)
    }
}

impl std::error::Error for Refused {}

impl Policy {
    /// Reads the two lists of a configuration.
    pub fn parse(allow: &[String], deny: &[String]) -> Result<Self, String> {
        let rules =
            |list: &[String]| list.iter().map(|rule| rule.parse()).collect::<Result<Vec<Rule>, String>>();
        Ok(Policy { allow: rules(allow)?, deny: rules(deny)? })
    }

    /// Whether a host that was asked for may be reached at this address.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let host = normal(host);
        let faces = faces(address);
        let any = |rules: &[Rule]| faces.iter().any(|a| rules.iter().any(|r| r.matches_address(*a)));
        let refused = || match host.parse::<IpAddr>().is_ok() || host.is_empty() {
            true => Err(Refused(address.to_string())),
            false => Err(Refused(format!("{host} ({address})"))),
        };
        if any(&self.deny) || self.deny.iter().any(|rule| rule.matches_name(&host)) {
            return refused();
        }
        if any(&self.allow) {
            return Ok(());
        }
        if faces.iter().any(|a| DENIED.iter().any(|(network, bits)| within(*a, *network, *bits))) {
            return refused();
        }
        match self.allow.is_empty() || self.allow.iter().any(|rule| rule.matches_name(&host)) {
            true => Ok(()),
            false => refused(),
        }
    }

    /// Whether a name may be asked for when another host (a proxy) resolves it.
    pub fn check_name(&self, host: &str) -> Result<(), Refused> {
        let host = normal(host);
        if let Ok(address) = host.parse() {
            return self.check(&host, address);
        }
        let named = |rules: &[Rule]| rules.iter().any(|rule| rule.matches_name(&host));
        let may = self.allow.is_empty() || named(&self.allow);
        if named(&self.deny) || !may { Err(Refused(host)) } else { Ok(()) }
    }

    /// Whether a socket of the file system may be connected to.
    pub fn check_unix(&self, path: &str) -> Result<(), Refused> {
        let may = self.allow.is_empty() || self.allow.contains(&Rule::Unix);
        if !may || self.deny.contains(&Rule::Unix) {
            return Err(Refused(path.to_owned()));
        }
        Ok(())
    }
}

fn normal(host: &str) -> String {
    host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase()
}

/// An address and those that the same packets may end at: IPv4 inside IPv6 in its several forms, and "this host".
fn faces(address: IpAddr) -> Vec<IpAddr> {
    let mut faces = vec![address];
    if let IpAddr::V6(v6) = address {
        let s = v6.segments();
        let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
        match s {
            // Mapped, compatible, and the two well-known prefixes of translators.
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low] if s[6] != 0 => faces.push(v4(high, low)),
            [0, 0, 0, 0, 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                faces.push(v4(high, low));
            }
            [0x2002, high, low, ..] => faces.push(v4(high, low)),
            _ => {}
        }
        if v6.to_ipv4_mapped().is_some_and(|a| a.is_unspecified()) {
            faces.push(Ipv4Addr::LOCALHOST.into());
        }
    }
    if address.is_unspecified() {
        faces.extend([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    }
    faces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], deny: &[&str]) -> Policy {
        let rules = |list: &[&str]| list.iter().map(|r| r.parse().unwrap()).collect();
        Policy { allow: rules(allow), deny: rules(deny) }
    }

    fn reaches(policy: &Policy, host: &str, address: &str) -> bool {
        policy.check(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn metadata_services_are_refused_in_every_spelling() {
        let open = Policy::default();
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "::ffff:0:169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "::ffff:100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ] {
            assert!(!reaches(&open, "x.example", address), "{address}");
        }
        for address in ["127.0.0.1", "::1", "10.0.0.1", "8.8.8.8", "169.253.1.1", "fec0::1", "fd00:ec2::253"]
        {
            assert!(reaches(&open, "x.example", address), "{address}");
        }
    }

    #[test]
    fn deny_wins_and_a_range_may_be_opened() {
        let p =
            policy(&["169.254.1.0/24", "*.example.com"], &["bad.example.com", "10.0.0.0/8", "127.0.0.0/8"]);
        assert!(reaches(&p, "169.254.1.7", "169.254.1.7"));
        assert!(!reaches(&p, "169.254.2.7", "169.254.2.7"));
        assert!(reaches(&p, "a.example.com", "8.8.8.8"));
        assert!(reaches(&p, "A.Example.com.", "8.8.8.8"));
        assert!(!reaches(&p, "example.com", "8.8.8.8"), "the name itself is not below itself");
        assert!(!reaches(&p, "notexample.com", "8.8.8.8"));
        assert!(!reaches(&p, "bad.example.com", "8.8.8.8"));
        assert!(!reaches(&p, "a.example.com", "10.1.2.3"), "a name that resolves to a denied address");
        assert!(!reaches(&p, "a.example.com", "0.0.0.0"), "this host is loopback");
        assert!(!reaches(&p, "a.example.com", "169.254.169.254"), "a name opens no metadata service");
        assert!(!reaches(&p, "other.org", "8.8.8.8"));
    }

    #[test]
    fn names_and_sockets_are_checked_alone() {
        assert!(policy(&[], &["evil.test"]).check_name("EVIL.test").is_err());
        assert!(policy(&[], &["evil.test"]).check_name("good.test").is_ok());
        assert!(policy(&["good.test"], &[]).check_name("other.test").is_err());
        assert!(Policy::default().check_name("[::ffff:169.254.169.254]").is_err());
        assert!(Policy::default().check_unix("/x").is_ok());
        assert!(policy(&[], &["unix"]).check_unix("/x").is_err());
        assert!(policy(&["10.0.0.0/8"], &[]).check_unix("/x").is_err());
    }

    #[test]
    fn bad_rules_are_told() {
        for bad in ["", "10.0.0.0/33", "a b", "*.", "10.0.0.0/x", "http://a"] {
            assert!(bad.parse::<Rule>().is_err(), "{bad}");
        }
        assert_eq!("0.0.0.0/0".parse::<Rule>(), Ok(Rule::Range(Ipv4Addr::UNSPECIFIED.into(), 0)));
        assert!(reaches(&policy(&["0.0.0.0/0", "::/0"], &[]), "x", "169.254.169.254"));
    }
}
