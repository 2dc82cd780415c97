//! Deleting hosts and giving them to teams.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use store::db::Tx;
use store::fleet::host::{self, Filter, StatusFilter};
use store::fleet::team;
use store::rights::{Action, Object, Of};

use super::at_moment;
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Body, Id, Viewer};
use crate::server::Fleet;

#[derive(Deserialize, JsonSchema)]
pub struct Delete {
    ids: Option<Vec<u32>>,
    filters: Option<Filters>,
}

#[derive(Clone, Default, Deserialize, JsonSchema)]
pub struct Filters {
    query: Option<String>,
    status: Option<String>,
    label_id: Option<u32>,
    team_id: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
pub struct Transfer {
    /// 0 is none as well.
    team_id: Option<u32>,
    hosts: Option<Vec<u32>>,
}

#[derive(Deserialize, JsonSchema)]
pub struct TransferMatching {
    team_id: Option<u32>,
    filters: Option<Filters>,
}

impl Filters {
    fn parse(self) -> Result<Filter> {
        let status = self.status.filter(|status| !status.is_empty());
        if status.is_some() && self.label_id.is_some() {
            return Err(Error::invalid("status", "may not be provided with label_id"));
        }
        Ok(Filter {
            status: status.as_deref().map(StatusFilter::parse).transpose()?,
            query: self.query.unwrap_or_default(),
            label: self.label_id,
            team: self.team_id,
            ..Filter::default()
        })
    }
}

/// Which hosts a change is about.
#[derive(Clone)]
enum Which {
    Ids(Vec<u32>),
    Matching(Filter),
}

impl Which {
    /// Their ids, when the viewer may change all of them. Of those that match, only such are meant.
    fn resolve(&self, tx: &mut Tx<'_>, fleet: &Fleet, viewer: &Viewer) -> Result<Vec<u32>> {
        match self {
            Self::Ids(ids) => {
                for id in ids {
                    let team = host::lives(tx, *id)?;
                    viewer.require(Action::Write, Object::Host, Of::Team(team))?;
                }
                Ok(ids.clone())
            }
            Self::Matching(filter) => {
                if let Some(team) = filter.team {
                    viewer.require(Action::Write, Object::Host, Of::Team(Some(team)))?;
                }
                let visible = viewer.subject.writable_hosts();
                Ok(at_moment(fleet, |moment| host::ids(tx, filter, &visible, moment))?)
            }
        }
    }

    fn ids(mut ids: Vec<u32>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self::Ids(ids)
    }
}

pub async fn delete(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    remove(fleet, viewer, Which::Ids(vec![id])).await
}

pub async fn delete_many(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Delete>,
) -> Result<Reply<Empty>> {
    let which = match (given.ids.filter(|ids| !ids.is_empty()), given.filters) {
        (Some(_), Some(_)) => {
            return Err(Error::bad_request("Cannot specify a list of ids and filters at the same time"));
        }
        (Some(ids), None) => Which::ids(ids),
        (None, Some(filters)) => Which::Matching(filters.parse()?),
        // Everything is never meant by leaving everything out.
        (None, None) => return Err(Error::bad_request("either a list of ids or filters must be specified")),
    };
    remove(fleet, viewer, which).await
}

async fn remove(fleet: Arc<Fleet>, viewer: Viewer, which: Which) -> Result<Reply<Empty>> {
    let of = fleet.clone();
    let write = fleet.db.write(move |tx| -> Result<_> {
        let ids = which.resolve(tx, &of, &viewer)?;
        host::delete(tx, &ids)?;
        Ok(ids)
    });
    for id in write.await? {
        fleet.agents.forget(id);
    }
    Ok(DONE)
}

pub async fn transfer(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Transfer>,
) -> Result<Reply<Empty>> {
    give(fleet, viewer, given.team_id, Which::ids(given.hosts.unwrap_or_default())).await
}

pub async fn transfer_matching(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<TransferMatching>,
) -> Result<Reply<Empty>> {
    let filters = given.filters.ok_or_else(|| Error::invalid("filters", "missing required argument"))?;
    give(fleet, viewer, given.team_id, Which::Matching(filters.parse()?)).await
}

/// Asks for the right on both sides: where hosts come from and where they go.
async fn give(fleet: Arc<Fleet>, viewer: Viewer, team: Option<u32>, which: Which) -> Result<Reply<Empty>> {
    let team = team.filter(|id| *id != 0);
    let of = fleet.clone();
    let write = fleet.db.write(move |tx| -> Result<_> {
        viewer.require(Action::Write, Object::Host, Of::Team(team))?;
        if let Some(team) = team {
            team::by_id(tx, team)?;
        }
        let ids = which.resolve(tx, &of, &viewer)?;
        host::transfer(tx, &ids, team)?;
        Ok(ids)
    });
    for id in write.await? {
        fleet.agents.refresh(&fleet.db, id).await?;
    }
    Ok(DONE)
}
