//! Addresses of names. A name has the same address in every analysis, so that reports can be compared, and an address that was
//! given out leads back to its name.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use sha2::{Digest as _, Sha256};

/// Set aside for tests of networks (RFC 2544, appendix C.2.2): no real host has one.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const COUNT: u32 = 1 << 17;

/// Names that are remembered. Further ones have addresses as well, which lead nowhere.
const MAX_NAMES: usize = 16_384;
/// The longest name (RFC 1035, section 2.3.4).
const MAX_LENGTH: usize = 255;

#[derive(Default)]
pub struct Names {
    by_name: HashMap<String, Ipv4Addr>,
    by_address: HashMap<Ipv4Addr, String>,
}

impl Names {
    /// The address of a name.
    pub fn address(&mut self, name: &str) -> Ipv4Addr {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(known) = self.by_name.get(&name) {
            return *known;
        }
        let digest = Sha256::digest(name.as_bytes());
        let start = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let mut address = place(start);
        if self.by_name.len() >= MAX_NAMES || name.len() > MAX_LENGTH {
            return address;
        }
        // There are eight times as many addresses as names.
        for step in 1..COUNT {
            if !self.by_address.contains_key(&address) {
                break;
            }
            address = place(start.wrapping_add(step));
        }
        self.by_address.insert(address, name.clone());
        self.by_name.insert(name, address);
        address
    }

    /// The name that an address was given to.
    pub fn name(&self, address: Ipv4Addr) -> Option<&str> {
        self.by_address.get(&address).map(String::as_str)
    }
}

/// Not the first and the last of the range, nor of a network within it, which some programs refuse.
fn place(number: u32) -> Ipv4Addr {
    let at = number % COUNT;
    let host = (at & 0xff).clamp(1, 254);
    Ipv4Addr::from(FIRST + (at & !0xff) + host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address_and_is_found_by_it() {
        let (mut one, mut other) = (Names::default(), Names::default());
        other.address("first.example");
        let address = one.address("Evil.example.");
        assert_eq!(address, other.address("evil.EXAMPLE"));
        assert_eq!(one.name(address), Some("evil.example"));
        assert!(address.octets()[0] == 198 && (18..20).contains(&address.octets()[1]));
    }

    #[test]
    fn no_two_names_share_an_address_and_memory_is_bounded() {
        let mut names = Names::default();
        let all: std::collections::HashSet<_> =
            (0..MAX_NAMES).map(|number| names.address(&format!("{number}.example"))).collect();
        assert_eq!(all.len(), MAX_NAMES);
        let late = names.address("late.example");
        assert_eq!(late, names.address("late.example"));
        assert_eq!(names.by_name.len(), MAX_NAMES);
    }
}
