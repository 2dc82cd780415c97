//! Resolving names, and keeping only the addresses that may be connected to.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Network;

/// How many names one program may preload.
const MAX_KNOWN: usize = 10_000;

/// Names whose addresses the program gave itself (`cache_dns()`).
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Vec<IpAddr>>>);

impl Known {
    /// Adds an address to a name; false when there are too many names.
    pub fn add(&self, name: &str, address: IpAddr) -> bool {
        let mut names = self.0.lock();
        let name = key(name);
        if names.len() >= MAX_KNOWN && !names.contains_key(&name) {
            return false;
        }
        let addresses = names.entry(name).or_default();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
        true
    }

    fn get(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.0.lock().get(&key(name)).cloned()
    }
}

fn key(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Looks names up, and checks what comes of it.
#[derive(Clone)]
pub struct Names {
    pub network: Arc<Network>,
    pub known: Arc<Known>,
}

impl Names {
    /// The addresses of a host that may be connected to; an error when there are none.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let bare = host.trim_matches(['[', ']']);
        let addresses: Vec<SocketAddr> = match (bare.parse::<IpAddr>(), self.known.get(bare)) {
            (Ok(address), _) => vec![SocketAddr::new(address, port)],
            (Err(_), Some(known)) => known.into_iter().map(|a| SocketAddr::new(a, port)).collect(),
            (Err(_), None) => tokio::net::lookup_host((bare, port)).await?.collect(),
        };
        let mut refused = None;
        let allowed: Vec<SocketAddr> = addresses
            .into_iter()
            .filter(|address| match self.network.policy.check(bare, address.ip()) {
                Ok(()) => true,
                Err(e) => {
                    refused = Some(e);
                    false
                }
            })
            .collect();
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(e)) => Err(io::Error::new(io::ErrorKind::PermissionDenied, e)),
            (true, None) => Err(io::Error::new(io::ErrorKind::NotFound, format!("{bare} has no address"))),
        }
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let addresses = Names::resolve(&names, name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// For connections to the proxy that the owner named: it may stand anywhere.
pub struct Anywhere;

impl Resolve for Anywhere {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
