//! Lists of tasks (the Cuckoo reference, section 5.4).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde::Serialize;
use store::sandbox::{Filter, Stamp, Task, task};

use crate::api::reply::Reply;
use crate::api::routes::path::Texts;
use crate::api::{Error, Result};
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/tasks/list", get(list))
        .route("/tasks/list/{limit}", get(list))
        .route("/tasks/list/{limit}/{offset}", get(list))
        .route("/tasks/sample/{id}", get(of_sample))
}

#[derive(Serialize)]
struct Tasks {
    tasks: Vec<Task>,
}

type Values = Query<HashMap<String, String>>;

async fn list(
    State(sandbox): State<Arc<Sandbox>>,
    path: Texts,
    Query(query): Values,
) -> Result<Reply<Tasks>> {
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
) -> Result<Reply<Tasks>> {
    let sample = Some(path.number(0)?);
    answer(&sandbox, Filter { sample, ..filter(query)? }).await
}

async fn answer(sandbox: &Sandbox, filter: Filter) -> Result<Reply<Tasks>> {
    let tasks = sandbox.db.read(move |tx| task::list(tx, &filter)).await?;
    Ok(Reply(Tasks { tasks }))
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
