//! What machines sent and got (the Cuckoo reference, section 5.17).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::path::Id;
use crate::api::reply::{self, OCTETS};
use crate::api::{Error, Result};
use crate::results::CAPTURE;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/pcap/get/{id}", get(get_capture))
}

async fn get_capture(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Response> {
    let unreadable = |error: std::io::Error| {
        tracing::error!(target: "sandbox", task = id, %error, "a capture cannot be read");
        Error::failed("An error occurred while reading PCAP")
    };
    let find = || sandbox.analyses.find(id)?.map(|folder| folder.find(CAPTURE)).transpose();
    let file = find().map_err(unreadable)?.flatten();
    let file = file.ok_or_else(|| Error::not_found("File not found"))?;
    reply::file(file, OCTETS).map_err(unreadable)
}
