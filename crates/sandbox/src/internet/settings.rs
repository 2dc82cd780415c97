//! What the process is told before the first frame.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::allow::Allowed;
use super::{GATEWAY, GUEST, Route};

/// Of the usual network.
const PREFIX: u8 = 24;

/// The longest settings that are read: two small PEM texts, what a proxy may be used for, and a few words.
pub const MAX_BYTES: usize = 64 << 10;

#[derive(Clone, Serialize, Deserialize)]
pub struct Settings {
    pub route: Route,
    pub addresses: Addresses,
    /// The port of the result server, on the gateway; for guests that send their results.
    pub results: Option<u16>,
    /// What the route `proxy` may reach.
    pub allow: Vec<Allowed>,
    /// PEM of the authority that the guest trusts. Without it, connections with TLS end in an alert.
    pub authority: Option<Authority>,
    /// How far the guest's clock is ahead of the host's, in seconds.
    pub clock_offset: i64,
    /// The most bytes of the log.
    pub log_bytes: u64,
}

/// Who is where in the guest's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub guest: Ipv4Addr,
    /// Also the name server and, for guests that send results, where they send them.
    pub gateway: Ipv4Addr,
    /// How many bits the addresses of the network have in common.
    pub prefix: u8,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { guest: GUEST, gateway: GATEWAY, prefix: PREFIX }
    }
}

impl Addresses {
    pub fn mask(&self) -> Ipv4Addr {
        u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or(0).into()
    }

    /// Whether both are hosts of one network, and not the same.
    pub fn fit(&self) -> bool {
        let all = !self.mask().to_bits();
        let is_host = |address: Ipv4Addr| ![0, all].contains(&(address.to_bits() & all));
        (1..=30).contains(&self.prefix)
            && self.guest != self.gateway
            && is_host(self.guest)
            && is_host(self.gateway)
            && self.guest & self.mask() == self.gateway & self.mask()
    }

    /// The address that all hosts of the network listen to.
    pub fn broadcast(&self) -> Ipv4Addr {
        self.gateway | !self.mask()
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Authority {
    pub certificate: String,
    pub key: String,
}

/// Room for some tens of thousands of requests.
const LOG_BYTES: u64 = 64 << 20;

impl Settings {
    pub fn new(route: Route) -> Self {
        Self {
            route,
            addresses: Addresses::default(),
            results: None,
            allow: Vec::new(),
            authority: None,
            clock_offset: 0,
            log_bytes: LOG_BYTES,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("route", &self.route)
            .field("clock_offset", &self.clock_offset)
            .finish_non_exhaustive()
    }
}
