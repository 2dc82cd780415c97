//! The internet as guests see it: a network in user space that ends here.
//!
//! ```text
//!  server process                      confined process (namespaces with nothing in them)
//!  ┌──────────┐  settings, two files   ┌───────────────────────────────────────────────┐
//!  │ launch   │ ─────────────────────> │ process                                       │
//!  └──────────┘                        │   link ── frames ── stack ── conversation ──> │
//!     QEMU ═══ Unix socket ═══════════>│             │            recognise, services  │
//!                                      │             └ datagram (UDP, ICMP)     │      │
//!  logs/network.jsonl <════════════════│ <────────────────────────────── log ───┘      │
//!                                      └───────────────────────────────────────────────┘
//! ```
//!
//! - [`launch`] starts the process and hands it the guest's socket, the log and its [`settings`]; [`process`] is what runs there.
//! - [`stack`] answers ARP and speaks TCP (smoltcp) for every address; [`datagram`] answers UDP and ICMP, frame by frame.
//! - [`pipe`] is a TCP connection that leads on: to the result server, through a proxy that the owner allows, or from the server to a
//!   port of the guest. [`relays`] has the sockets behind them in the process, [`switchboard`] those in the server, which makes them
//!   all and decides on each ([`proxy`], [`allow`]).
//! - [`conversation`] is one TCP connection: TLS where the guest begins it, then a service by port or first bytes.
//! - [`services`]: one file for each protocol, state machines over bytes that touch nothing.
//! - [`event`] is what the log tells; [`crate::processing::network`] reads it back.
//!
//! Everything but `launch`, `process`, `relays`, `switchboard` and `proxy` is free of files, sockets and clocks, so that tests and the fuzzer drive it on bytes.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

mod allow;
mod certificates;
mod conversation;
mod datagram;
mod device;
pub mod event;
mod hello;
mod launch;
mod link;
mod log;
mod names;
mod pipe;
mod process;
mod proxy;
mod recognise;
mod relays;
mod services;
mod settings;
mod stack;
mod switchboard;
mod world;

pub use allow::Allowed;
pub use conversation::Conversation;
pub use launch::{Internet, Program};
pub use process::run;
pub use proxy::{Proxy, Upstream};
pub use settings::{Addresses, Authority, Settings};
pub use stack::Stack;
pub use switchboard::{Beyond, Switchboard};
pub use world::World;

/// Whom guests take for their gateway and name server, as `guest_protocol::Network` says.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// A guest's own address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

/// Which network a machine gets (the sandbox reference, section 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// The cable is unplugged.
    None,
    /// There is a network, and it swallows everything but ARP and DHCP.
    Drop,
    /// Every name resolves and every port answers.
    Fake,
    /// Every name resolves; what the owner allows is reached through a proxy, the rest is swallowed.
    Proxy,
}

/// What tasks write before the name of a proxy.
const PROXY: &str = "proxy:";

impl Route {
    /// As tasks name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Drop => "drop",
            Self::Fake => "fake",
            Self::Proxy => "proxy",
        }
    }

    /// The name of the proxy, in what a task asked for.
    pub fn proxy_name(text: &str) -> Option<&str> {
        text.strip_prefix(PROXY)
    }

    /// What a task asked for; the default where it did not.
    pub fn asked(text: Option<&str>) -> Result<Self, String> {
        match text {
            Some("none") => Ok(Self::None),
            Some("drop") => Ok(Self::Drop),
            None | Some("fake" | "inetsim") => Ok(Self::Fake),
            Some(text) if Self::proxy_name(text).is_some() => Ok(Self::Proxy),
            // Another network than the one asked for would be a matter of safety.
            Some(other) => Err(format!("the network {other:?} is not there")),
        }
    }
}

#[cfg(test)]
#[path = "../../tests/common/authority.rs"]
mod authority;
#[cfg(test)]
mod tests;
