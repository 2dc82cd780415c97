//! What agents log: results of scheduled queries and status lines. Fleet's API has nothing like it; these routes follow its style.
//!
//! ```text
//! GET hosts/{id}/results       what a host's agent found; `query` names one query, with or without its pack
//! GET queries/{id}/results     the same of one saved query and all hosts that the user sees
//! GET hosts/{id}/status_logs   what an agent says about itself
//! ```
//!
//! The newest come first. `since` and `until` are when the server received a line: RFC 3339 or seconds since 1970; `until`
//! itself is not in it. `per_page` is at most 1000; a page ends early when its lines are long, or when much was looked through
//! for little: `meta.next` is then what to give as `after`.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use store::event::{Found, Most};
use store::fleet::{Visible, host, query};
use store::result_log::{Choice, Log};
use store::rights::{Action, Object};

use super::hosts::readable;
use crate::describe::{JsonOf, Written};
use crate::error::{Error, Result};
use crate::logged::Logged;
use crate::reply::Reply;
use crate::request::{Asked, Id, Kind, ListQuery, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "results", routes };

const PER_PAGE: u32 = 100;
const MAX_PER_PAGE: u32 = 1000;
/// Bytes of lines in one page.
const MAX_PAGE: usize = 8 << 20;
/// Bytes that are looked through for one page.
const MAX_LOOKED: usize = 256 << 20;

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Host);
    let list = Access::May(Action::List, Object::Host);
    vec![
        Route::get(
            "hosts/{id}/results",
            read,
            "What scheduled queries found on a host, newest first.",
            of_host,
        ),
        Route::get(
            "hosts/{id}/status_logs",
            read,
            "What a host's agent logged, newest first.",
            status_of_host,
        ),
        Route::get("queries/{id}/results", list, "What a scheduled query found on all hosts.", of_query),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Meta {
    has_next_results: bool,
    /// What to give as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// Lines that cannot be read because the disk damaged them.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize, JsonSchema)]
struct Results<'a> {
    results: &'a [Logged<'a>],
    meta: Meta,
}

#[derive(Serialize, JsonSchema)]
struct StatusLogs<'a> {
    status_logs: &'a [Logged<'a>],
    meta: Meta,
}

const SINCE: Parameter = Parameter("since", Kind::Text, "RFC 3339 or seconds since 1970: not before.");
const UNTIL: Parameter = Parameter("until", Kind::Text, "The same: before, not at.");

/// What pages of one query's lines take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Cursor;
    const OWN: &'static [Parameter] = &[SINCE, UNTIL];
}

/// The same of all queries.
struct OfAny;

impl Parameters for OfAny {
    const PAGING: Paging = Paging::Cursor;
    const OWN: &'static [Parameter] =
        &[SINCE, UNTIL, Parameter("query", Kind::Text, "The name of a query, with or without its pack.")];
}

async fn of_host(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    asked: Asked<OfAny>,
) -> Result<Written<JsonOf<Results<'static>>>> {
    fleet.db.read(move |tx| readable(tx, &viewer, id)).await?;
    let names = asked.get("query").map(String::from).into_iter().collect();
    let choice = Choice { host: Some(id), names, ..Choice::default() };
    Ok(page(&fleet, Log::Result, choice, &asked).await?.into())
}

async fn status_of_host(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    asked: Asked<Listing>,
) -> Result<Written<JsonOf<StatusLogs<'static>>>> {
    fleet.db.read(move |tx| readable(tx, &viewer, id)).await?;
    Ok(page(&fleet, Log::Status, Choice { host: Some(id), ..Choice::default() }, &asked).await?.into())
}

async fn of_query(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    asked: Asked<Listing>,
) -> Result<Written<JsonOf<Results<'static>>>> {
    let read = fleet.db.read(move |tx| -> Result<_> {
        let names = query::logged_names(tx, id)?;
        let hosts: Option<HashSet<u32>> = match viewer.subject.visible_hosts() {
            Visible::All => None,
            some => Some(host::visible_ids(tx, &some)?.into_iter().collect()),
        };
        Ok((names, hosts))
    });
    let (names, among) = read.await?;
    Ok(page(&fleet, Log::Result, Choice { names, among, ..Choice::default() }, &asked).await?.into())
}

async fn page(fleet: &Fleet, log: Log, mut choice: Choice, asked: &ListQuery) -> Result<Response> {
    choice.since = moment(asked, "since")?;
    choice.until = moment(asked, "until")?;
    let rows = asked.options.per_page.unwrap_or(PER_PAGE);
    if rows > MAX_PER_PAGE {
        return Err(Error::plain(StatusCode::BAD_REQUEST, format!("per_page is more than {MAX_PER_PAGE}")));
    }
    let most = Most { rows: rows as usize, bytes: MAX_PAGE, looked: MAX_LOOKED };
    let (results, before) = (fleet.results.clone(), asked.options.after.clone());
    let stopping = |_| Error::plain(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
    let _turn = fleet.searches.acquire().await.map_err(|_| stopping(()))?;
    let search = move || results.page(log, &choice, before, most).map(|found| shown(log, &found));
    let shown = tokio::task::spawn_blocking(search).await.map_err(|_| stopping(()))?;
    shown.map_err(|error| match &error {
        store::Error::CursorInvalid { .. } => Error::invalid("after", error.to_string()),
        _ => {
            tracing::error!(target: "fleet", %error, "logged lines cannot be read");
            Error::plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "logged lines cannot be read, see the server's log",
            )
        }
    })
}

fn shown(log: Log, found: &Found) -> Response {
    let rows: Vec<Logged<'_>> =
        found.rows.iter().filter_map(|(number, row)| Logged::parse(*number, row).ok()).collect();
    let next = found.next.clone();
    let meta = Meta { has_next_results: next.is_some(), next, left_out: found.left_out };
    match log {
        Log::Result => Reply(Results { results: &rows, meta }).into_response(),
        Log::Status => Reply(StatusLogs { status_logs: &rows, meta }).into_response(),
    }
}

/// A moment in microseconds since 1970.
fn moment(asked: &ListQuery, name: &'static str) -> Result<Option<i64>> {
    let Some(text) = asked.get(name) else { return Ok(None) };
    let time = match text.parse::<i64>() {
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => text.parse::<Timestamp>().ok(),
    };
    let refused = || Error::invalid(name, format!("{text} is neither RFC 3339 nor seconds since 1970"));
    Ok(Some(time.ok_or_else(refused)?.as_microsecond()))
}
