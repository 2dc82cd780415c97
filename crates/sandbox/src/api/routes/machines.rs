//! Machines (the Cuckoo reference, section 5.10).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;

use super::path::Texts;
use crate::api::reply::Reply;
use crate::api::{Error, Result};
use crate::pool::Machine;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/machines/list", get(list)).route("/machines/view/{name}", get(view))
}

#[derive(Serialize)]
struct Machines {
    machines: Vec<Machine>,
}

#[derive(Serialize)]
struct Shown {
    machine: Machine,
}

async fn list(State(sandbox): State<Arc<Sandbox>>) -> Reply<Machines> {
    Reply(Machines { machines: sandbox.pool.list() })
}

async fn view(State(sandbox): State<Arc<Sandbox>>, name: Texts) -> Result<Reply<Shown>> {
    let machine = sandbox.pool.view(name.at(0)).ok_or_else(|| Error::not_found("Machine not found"))?;
    Ok(Reply(Shown { machine }))
}
