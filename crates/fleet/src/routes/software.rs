//! Programs that hosts have (the Fleet reference, section 12.3).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::software::{self, Software, Wanted};
use store::rights::{Action, Object, Of};

use crate::error::Result;
use crate::reply::Reply;
use crate::request::{Asked, Kind, ListQuery, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "software", routes };

fn routes() -> Vec<Route> {
    let list_right = Access::May(Action::List, Object::Software);
    vec![
        Route::get("software", list_right, "Programs that hosts have.", list),
        Route::get("software/count", list_right, "How many programs hosts have.", count),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Programs {
    counts_updated_at: Option<Time>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    software: Vec<Software>,
}

#[derive(Serialize, JsonSchema)]
struct Count {
    count: u64,
}

/// Members of teams name one of theirs.
const OWN: &[Parameter] = &[
    Parameter("query", Kind::Text, "Part of the name or version."),
    Parameter("team_id", Kind::Number, "Only of this team's hosts."),
    Parameter("vulnerable", Kind::Flag, "Only with known vulnerabilities: there are none."),
];

/// What lists of programs take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(software::ORDER_KEYS);
    const OWN: &'static [Parameter] = OWN;
}

/// What counts of programs take.
struct Counting;

impl Parameters for Counting {
    const PAGING: Paging = Paging::None;
    const OWN: &'static [Parameter] = OWN;
}

fn wanted(viewer: &Viewer, query: &ListQuery) -> Result<Wanted> {
    let team = query.number("team_id")?.filter(|id| *id != 0);
    viewer.require(Action::List, Object::Software, Of::Team(team))?;
    Ok(Wanted { team, query: query.options.query.clone(), vulnerable: query.flag("vulnerable")? })
}

async fn list(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Listing>,
) -> Result<Reply<Programs>> {
    let wanted = wanted(&viewer, &query)?;
    let read = fleet.db.read(move |tx| -> Result<_> {
        let software = software::list(tx, &wanted, &query.options)?;
        Ok(Programs { counts_updated_at: software::counted_at(tx, wanted.team)?, software })
    });
    Ok(Reply(read.await?))
}

async fn count(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Counting>,
) -> Result<Reply<Count>> {
    let wanted = wanted(&viewer, &query)?;
    let count = fleet.db.read(move |tx| software::count(tx, &wanted)).await?;
    Ok(Reply(Count { count }))
}
