//! Lists of tasks (the Cuckoo reference, section 5.4).

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{BoxError, Router};
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, header};
use serde_json::json;
use store::sandbox::{Filter, Stamp, task};

use crate::api::reply::{self, Reply};
use crate::api::routes::path::Texts;
use crate::api::{Error, Result};
use crate::server::Sandbox;

/// Tasks that are read, and held in memory, at once.
const AT_ONCE: usize = 500;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/tasks/list", get(list))
        .route("/tasks/list/{limit}", get(list))
        .route("/tasks/list/{limit}/{offset}", get(list))
        .route("/tasks/sample/{id}", get(of_sample))
}

type Values = Query<HashMap<String, String>>;

async fn list(State(sandbox): State<Arc<Sandbox>>, path: Texts, Query(query): Values) -> Result<Response> {
    let mut filter = filter(query)?;
    if !path.0.is_empty() {
        filter.limit = Some(path.number(0)?);
    }
    if path.0.len() > 1 {
        filter.offset = path.number(1)?;
    }
    answer(&sandbox, filter).await
}

async fn of_sample(
    State(sandbox): State<Arc<Sandbox>>,
    path: Texts,
    Query(query): Values,
) -> Result<Response> {
    let sample = Some(path.number(0)?);
    answer(&sandbox, Filter { sample, ..filter(query)? }).await
}

async fn answer(sandbox: &Arc<Sandbox>, filter: Filter) -> Result<Response> {
    let ids = sandbox.db.read(move |tx| task::ids(tx, &filter)).await?;
    if ids.len() > AT_ONCE {
        return Ok(streamed(sandbox.clone(), &ids));
    }
    let tasks = sandbox.db.read(move |tx| task::these(tx, &ids)).await?;
    Ok(Reply(json!({"tasks": tasks})).into_response())
}

/// A long list goes out as it is read, the same text in pieces. Which tasks it has was found at once: none is there twice or missing.
fn streamed(sandbox: Arc<Sandbox>, ids: &[u32]) -> Response {
    let batches: Vec<Vec<u32>> = ids.chunks(AT_ONCE).map(<[u32]>::to_vec).collect();
    let mut before = "\n    ";
    let tasks = stream::iter(batches).then(move |ids| {
        let sandbox = sandbox.clone();
        async move { Ok::<_, BoxError>(sandbox.db.read(move |tx| task::these(tx, &ids)).await?) }
    });
    let pieces = tasks.map(move |tasks| {
        let mut piece = String::new();
        for task in tasks? {
            piece.push_str(std::mem::replace(&mut before, ",\n    "));
            piece.push_str(&reply::text(&task)?.replace('\n', "\n    "));
        }
        Ok(piece)
    });
    let part = |text: &str| stream::iter([Ok::<_, BoxError>(text.to_owned())]);
    let body = part("{\n  \"tasks\": [").chain(pieces).chain(part("\n  ]\n}\n"));
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn filter(mut query: HashMap<String, String>) -> Result<Filter> {
    // Whole seconds: later than one is in the next, at the earliest.
    let completed_after = number::<i64>(&query, "completed_after")?
        .map(|second| Stamp(second.saturating_mul(1_000_000).saturating_add(999_999)));
    let (limit, offset) = (number(&query, "limit")?, number(&query, "offset")?.unwrap_or(0));
    let mut text = |name: &str| query.remove(name).filter(|text| !text.is_empty());
    Ok(Filter { sample: None, owner: text("owner"), status: text("status"), completed_after, limit, offset })
}

fn number<T: std::str::FromStr>(query: &HashMap<String, String>, name: &str) -> Result<Option<T>> {
    let parse =
        |text: &String| text.parse().map_err(|_| Error::bad(format!("{name}: {text:?} is not a number")));
    query.get(name).filter(|text| !text.is_empty()).map(parse).transpose()
}
