//! How a campaign begins (the Fleet reference, sections 11.1 and 11.2).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use store::db::Tx;
use store::fleet::campaign::{self, Selected, Target};
use store::fleet::query::{self, check_sql};
use store::rights::{Action, Object, Of};

use super::campaign_state::Campaign;
use super::check_enabled;
use crate::error::{Error, Result};
use crate::request::Viewer;
use crate::server::Fleet;

/// Which query a client wants to run.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct Wanted {
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub query_id: Option<u32>,
}

/// On which hosts.
#[derive(Clone, Debug)]
pub enum Asked {
    Ids { selected: Selected, teams_given: bool },
    Names { hosts: Vec<String>, labels: Vec<String>, teams: Vec<String> },
}

/// Checks everything, in the published order, and begins to ask.
pub async fn begin(
    fleet: &Arc<Fleet>,
    viewer: &Viewer,
    wanted: Wanted,
    asked: Asked,
) -> Result<(Arc<Campaign>, u32)> {
    check_enabled(fleet).await?;
    if wanted.query_id.is_none() && wanted.query.is_empty() {
        return Err(Error::invalid("query", "one of query or query_id must be specified"));
    }
    let of = viewer.clone();
    let prepared = fleet.db.write(move |tx| prepare(tx, &of, &wanted, &asked)).await?;
    let campaign = Arc::new(Campaign::new(prepared.id, viewer.user.id, &prepared.sql, prepared.targets));
    fleet.live.add(campaign.clone());
    Ok((campaign, prepared.query_id))
}

struct Prepared {
    id: u32,
    query_id: u32,
    sql: String,
    targets: Vec<Target>,
}

fn prepare(tx: &mut Tx<'_>, viewer: &Viewer, wanted: &Wanted, asked: &Asked) -> Result<Prepared> {
    let stored = wanted.query_id.filter(|id| *id > 0).map(|id| query::runnable(tx, id)).transpose()?;
    if stored.is_none() {
        viewer.require(Action::Run, Object::AdHocQuery, Of::Some)?;
        let text = |reason| Error::bad_request(format!("query payload verification: {reason}"));
        check_sql(&wanted.query).map_err(text)?;
    }
    let observer_can_run = stored.as_ref().is_some_and(|query| query.observer_can_run);
    let (selected, teams_given) = select(tx, asked)?;
    check_targets(viewer, observer_can_run, &selected, teams_given)?;
    let visible = viewer.subject.askable_hosts(observer_can_run);
    let targets = campaign::targets(tx, &selected, &visible)?;
    if targets.is_empty() {
        return Err(Error::bad_request("no hosts targeted"));
    }
    let (query_id, sql) = match stored {
        Some(stored) => (stored.id, stored.query),
        None => {
            let author = (viewer.user.id, viewer.user.email.as_str());
            (query::create_hidden(tx, author, &wanted.query)?, wanted.query.clone())
        }
    };
    let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let id = campaign::create(tx, query_id, viewer.user.id, count)?;
    Ok(Prepared { id, query_id, sql, targets })
}

/// The ids that a selection means, and whether teams were named at all.
fn select(tx: &mut Tx<'_>, asked: &Asked) -> Result<(Selected, bool)> {
    match asked {
        Asked::Ids { selected, teams_given } => Ok((selected.clone(), *teams_given)),
        Asked::Names { hosts, labels, teams } => {
            let selected = Selected {
                hosts: campaign::hosts_named(tx, hosts)?,
                labels: campaign::labels_named(tx, labels)?,
                teams: campaign::teams_named(tx, teams)?,
            };
            Ok((selected, !teams.is_empty()))
        }
    }
}

/// Whether the user may run such a query there at all; which hosts count is another matter.
fn check_targets(
    viewer: &Viewer,
    observer_can_run: bool,
    selected: &Selected,
    teams_given: bool,
) -> Result<()> {
    let object = if observer_can_run { Object::StoredQuery } else { Object::AdHocQuery };
    let may = |of: Of| viewer.require(Action::Run, object, of);
    if teams_given && viewer.subject.global.is_none() {
        return selected.teams.iter().try_for_each(|team| may(Of::Team(Some(*team))));
    }
    may(Of::Some)
}
