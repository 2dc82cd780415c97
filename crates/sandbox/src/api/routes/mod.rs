//! The routes: one file per noun.

use std::sync::Arc;

use axum::Router;

use crate::server::Sandbox;

mod exit;
mod files;
mod machines;
mod memory;
mod path;
mod pcap;
mod status;
mod tasks;
mod vpn;

/// All of them.
pub fn all() -> Router<Arc<Sandbox>> {
    Router::new()
        .merge(exit::routes())
        .merge(files::routes())
        .merge(machines::routes())
        .merge(memory::routes())
        .merge(pcap::routes())
        .merge(status::routes())
        .merge(tasks::routes())
        .merge(vpn::routes())
}
