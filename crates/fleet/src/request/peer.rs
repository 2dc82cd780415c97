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
    let told = FORWARDED
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok()?.split(',').next()?.trim().parse().ok());
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
