//! Carved files (the Fleet reference, section 12.1).

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde::Serialize;
use store::fleet::carve::{self, Carve};
use store::rights::{Action, Object};

use crate::agent::block_path;
use crate::error::{Error, Result};
use crate::reply::{Reply, json};
use crate::request::{Id, Ids, ListQuery, parse_bool};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "carves", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Carve);
    vec![
        Route::get("carves", read, "The files that agents sent.", list),
        Route::get("carves/{id}", read, "One carve.", show),
        Route::get("carves/{id}/block/{block_id}", read, "A block of a carve.", block),
    ]
}

#[derive(Serialize)]
struct Carves {
    carves: Vec<Carve>,
}

#[derive(Serialize)]
struct One {
    carve: Carve,
}

async fn list(State(fleet): State<Arc<Fleet>>, query: ListQuery) -> Result<Reply<Carves>> {
    let expired_too = match query.get("expired") {
        None => false,
        Some(text) => parse_bool(text)
            .ok_or_else(|| Error::invalid("expired", format!("invalid expired value {text}")))?,
    };
    let carves = fleet.db.read(move |tx| carve::list(tx, expired_too, &query.options)).await?;
    Ok(Reply(Carves { carves }))
}

async fn show(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<One>> {
    let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
    Ok(Reply(One { carve }))
}

async fn block(State(fleet): State<Arc<Fleet>>, Ids(id, block): Ids) -> Result<Response> {
    let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
    if carve.expired {
        return Err(Error::plain(StatusCode::GONE, "cannot get block for expired carve"));
    }
    let missing = || Error::plain(StatusCode::NOT_FOUND, format!("block {block} not yet available"));
    if i64::from(block) > carve.max_block {
        return Err(missing());
    }
    let path = block_path(&fleet.settings.dir, id, block.into());
    let bytes = tokio::fs::read(path).await.map_err(|error| {
        tracing::warn!(target: "fleet", carve = id, block, %error, "a stored block cannot be read");
        missing()
    })?;
    // Blocks are large: not through the writer of JSON.
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + 32);
    text.push_str("{\n  \"data\": \"");
    BASE64_STANDARD.encode_string(bytes, &mut text);
    text.push_str("\"\n}\n");
    Ok(json(StatusCode::OK, text))
}
