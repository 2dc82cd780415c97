//! Where a request comes from.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap};
use serve::listener::ConnectInfo;

use crate::server::Fleet;
use crate::settings::Settings;

/// Headers in which proxies say whom they speak for, in the order in which they count.
const FORWARDED: [&str; 3] = ["true-client-ip", "x-real-ip", "x-forwarded-for"];

/// The address of the client: of the connection, or what a trusted proxy says.
pub fn peer_address(extensions: &Extensions, headers: &HeaderMap, settings: &Settings) -> Option<IpAddr> {
    let peer = extensions.get::<ConnectInfo>()?.peer_addr.ip().to_canonical();
    if !settings.trusted_proxies.contains(&peer) {
        return Some(peer);
    }
    let told = FORWARDED.iter().find_map(|name| {
        // Each proxy adds whom it heard at the end; what is left of that, the client may have made up.
        let chain = headers.get(*name)?.to_str().ok()?.rsplit(',').map_while(|one| one.trim().parse().ok());
        chain.map(|one: IpAddr| one.to_canonical()).find(|one| !settings.trusted_proxies.contains(one))
    });
    Some(told.unwrap_or(peer))
}

/// The address of the client as a part of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub Option<IpAddr>);

impl FromRequestParts<Arc<Fleet>> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, fleet: &Arc<Fleet>) -> Result<Self, Infallible> {
        Ok(Self(peer_address(&parts.extensions, &parts.headers, &fleet.settings)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut settings = Settings::in_dir("/nowhere".into());
        settings.trusted_proxies = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo { peer_addr: format!("{peer}:1").parse().unwrap(), identity: None });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        peer_address(&extensions, &map, &settings).unwrap().to_string()
    }

    #[test]
    fn only_listed_proxies_are_believed_and_only_what_they_added() {
        let forwarded = [("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.0.0.2")];
        assert_eq!(told("192.0.2.1", &forwarded), "192.0.2.1");
        assert_eq!(told("10.0.0.1", &forwarded), "192.0.2.7");
        assert_eq!(told("10.0.0.1", &[("x-real-ip", "192.0.2.9"), forwarded[0]]), "192.0.2.9");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "10.0.0.2")]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, nonsense")]), "10.0.0.1");
    }
}
