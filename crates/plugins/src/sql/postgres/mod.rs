//! The rows of a query of a PostgreSQL server.
//!
//! The conversation runs as a task; rows come through a channel of a few places, so that a slow query holds the server back.
//! A query that is cancelled is cancelled on the server as well.

mod place;
mod value;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;
use tokio_postgres::{CancelToken, Client, NoTls, Row as Answer};
use vql::args::Args;
use vql::call::{Error, Flow, Sink};
use vql::value::{Row, Value};

use super::schema_of;
use crate::net::dial::Dialler;
use crate::net::task::Stream;
use place::Place;
use value::{Cell, Parameter};

/// How long logging in may take, and telling the server that nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(30);
const FAREWELL: Duration = Duration::from_secs(5);

/// Rows that wait for the query.
const WAITING: usize = 16;

/// The longest query.
const MAX_QUERY: usize = 1 << 20;

/// Runs a query and pushes its rows.
pub fn query(args: &Args<'_>, connstring: &str, sql: String, values: &Value, sink: &mut dyn Sink) -> Flow {
    if sql.len() > MAX_QUERY {
        return Err(format!("the query has more than {MAX_QUERY} bytes").into());
    }
    let scope = args.scope;
    let place: Arc<Place> = Arc::new(connstring.parse()?);
    let dialler = Dialler::new(scope)?;
    let parameters = match scope.listed(values.clone()) {
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().cloned().map(Parameter).collect(),
        Value::Dict(_) => return Err("args: PostgreSQL has no named parameters: give a list".into()),
        one => vec![Parameter(one)],
    };
    let mut answers = Stream::start(scope, WAITING, move |sender| async move {
        if let Err(e) = converse(&dialler, place, &sql, parameters, &sender).await {
            let _ = sender.send(Err(e)).await;
        }
    })?;
    let mut schema = None;
    while let Some(answer) = answers.next(scope)? {
        scope.tick()?;
        let answer = answer?;
        let names = || schema_of(answer.columns().iter().map(|c| c.name()));
        let schema = schema.get_or_insert_with(names).clone();
        let cells = (0..answer.len()).map(|i| answer.try_get::<_, Cell>(i).map(|cell| cell.0));
        let cells = cells.collect::<Result<_, _>>().map_err(|e| failed(&e))?;
        sink.row(&mut Row { schema, cells })?;
    }
    Ok(())
}

/// Why the server, or the conversation with it, failed.
fn failed(error: &tokio_postgres::Error) -> Error {
    if let Some(error) = error.as_db_error() {
        return Error::new(format!("{} ({})", error.message(), error.code().code()));
    }
    match std::error::Error::source(error) {
        Some(source) => Error::new(format!("{error}: {source}").trim_end_matches(": ").to_owned()),
        None => Error::new(error.to_string()),
    }
}

async fn converse(
    dialler: &Dialler,
    place: Arc<Place>,
    sql: &str,
    parameters: Vec<Parameter>,
    sender: &Sender<Result<Answer, Error>>,
) -> Result<(), Error> {
    let line = place.connect(dialler).await.map_err(|e| Error::new(e.to_string()))?;
    let login = place.config.connect_raw(wire::Bounded::new(line), NoTls);
    let (client, mut connection) = timeout(PATIENCE, login)
        .await
        .map_err(|_| Error::new("the server did not answer in time"))?
        .map_err(|e| failed(&e))?;
    let mut farewell =
        Farewell { token: client.cancel_token(), dialler: dialler.clone(), place, is_over: false };
    let talk = ask(&client, sql, parameters, sender);
    let outcome = tokio::select! {
        biased;
        // What broke the connection tells more than that it is broken.
        end = &mut connection => end.map_err(|e| failed(&e)).and(Err("the server hung up".into())),
        outcome = talk => outcome,
    };
    farewell.is_over = outcome.is_ok() && !sender.is_closed();
    outcome
}

async fn ask(
    client: &Client,
    sql: &str,
    parameters: Vec<Parameter>,
    sender: &Sender<Result<Answer, Error>>,
) -> Result<(), Error> {
    let statement = client.prepare(sql).await.map_err(|e| failed(&e))?;
    let (wanted, given) = (statement.params().len(), parameters.len());
    if wanted != given {
        return Err(Error::new(format!("the query has {wanted} parameters, but args {given}")));
    }
    let rows = client.query_raw(&statement, parameters).await.map_err(|e| failed(&e))?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.try_next().await.map_err(|e| failed(&e))? {
        if sender.send(Ok(row)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Tells the server to stop working when nobody waits for the rest: it would notice when it has something to send, which may be
/// in hours.
struct Farewell {
    token: CancelToken,
    dialler: Dialler,
    place: Arc<Place>,
    is_over: bool,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let (token, dialler, place) = (self.token.clone(), self.dialler.clone(), self.place.clone());
        runtime.spawn(timeout(FAREWELL, async move {
            if let Ok(line) = place.connect(&dialler).await {
                // Whether it was heard cannot be known.
                let _ = token.cancel_query_raw(line, NoTls).await;
            }
        }));
    }
}
